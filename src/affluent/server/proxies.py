"""Who asks when a proxy stands in front: its headers are believed from the proxies that the operator named, and from nobody else.

A proxy adds the address it was asked from at the right end of the list. So the list is read from the right: as long as an
address is one of the proxies, the one before it was written by a proxy; the first that is none is the caller. What stands
left of it the caller may have made up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

from affluent.kit.logs import logger

_log = logger("proxies")
_LONGEST = 4_000
_SCHEMES = ("http", "https")
Header = Literal["x-forwarded-for", "forwarded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and over what."""

    address: str
    scheme: str


class TrustedProxies:
    """The proxies of a setting (addresses and networks, commas between) and the header that they write."""

    def __init__(self, networks: str = "", header: Header = "x-forwarded-for") -> None:
        self._networks = [ipaddress.ip_network(part.strip()) for part in networks.split(",") if part.strip()]
        self._header = header
        self._has_warned = False

    def caller(self, scope: Scope) -> Caller:
        """Who made a request."""
        peer = scope["client"][0] if scope.get("client") else ""
        headers = Headers(scope=scope)
        direct = Caller(address=peer, scheme=scope["scheme"])
        if not self._is_trusted(peer):
            if self._header in headers:
                self._warn(peer)
            return direct
        if self._header == "forwarded":
            return self._by_forwarded(headers.getlist("forwarded"), direct)
        address = peer
        for hop in reversed(_split(headers.getlist("x-forwarded-for"), ",")):
            named = _address(hop)
            if not named:
                break
            address = named
            if not self._is_trusted(named):
                break
        protocols = _split(headers.getlist("x-forwarded-proto"), ",")
        return Caller(address=address, scheme=_scheme(protocols[-1] if protocols else "", direct.scheme))

    def _by_forwarded(self, values: Sequence[str], direct: Caller) -> Caller:
        """By the header of RFC 7239, e.g. `for=192.0.2.60;proto=https, for="[2001:db8::1]:4711"`."""
        caller = direct
        for element in reversed(_split(values, ",")):
            pairs = dict(_pair(part) for part in element.split(";"))
            named = _address(pairs.get("for", ""))
            if not named:
                break
            caller = Caller(address=named, scheme=_scheme(pairs.get("proto", ""), caller.scheme))
            if not self._is_trusted(named):
                break
        return caller

    def _is_trusted(self, address: str) -> bool:
        if not self._networks:
            return False
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return any((mapped or ip) in network for network in self._networks)

    def _warn(self, peer: str) -> None:
        """Once: where a proxy is not named, all its callers look like one."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "a request names its caller in a header that is not believed; if it came from your proxy, set trusted_proxies",
                address=peer,
                header=self._header,
            )


def _split(values: Sequence[str], by: str) -> list[str]:
    return [part.strip() for value in values for part in value[-_LONGEST:].split(by) if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _address(text: str) -> str:
    """The address of a hop without its port; empty when it is none (a host name, "unknown", something made up)."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def _scheme(text: str, otherwise: str) -> str:
    return text.lower() if text.lower() in _SCHEMES else otherwise
