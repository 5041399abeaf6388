"""Where outgoing requests may go: public addresses only, judged after the name was resolved, and again as each is connected to."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_TRANSLATION = ipaddress.IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are an IPv4 address."""
_LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 of one's own network (RFC 8215): never public."""
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class ForbiddenAddress(OSError):
    """The address is private, loopback, link-local, or a cloud's metadata service."""


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from the public internet."""
    try:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _carried(ip)
        if inner is not None:
            return is_public(str(inner)) and ip not in _LOCAL_TRANSLATION
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which packets for this one end up being sent: mapped, compatible, 6to4, NAT64, Teredo."""
    if ip.ipv4_mapped is not None or ip.sixtofour is not None:
        return ip.ipv4_mapped or ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _TRANSLATION or ip in _LOCAL_TRANSLATION or ip in _COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def check_url(url: str) -> None:
    """Refuse URLs that are not http(s), carry credentials, or name a non-public address outright."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ForbiddenAddress(f"{url.split('?', maxsplit=1)[0]!r} is not an http or https address")
    if parts.username or parts.password:
        raise ForbiddenAddress("an address must not carry a user name or password")
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not is_public(parts.hostname):
        raise ForbiddenAddress(f"{parts.hostname} is a private address; allow it with AFFLUENT_ALLOW_PRIVATE_ADDRESSES")


def public_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for an address that is public.

    The client asks no resolver for a host that it reads as an address, and it reads more so than we do: ①②⑦.⓪.⓪.① too.
    """
    family, kind, protocol, _, where = info
    if not is_public(str(where[0])):
        raise ForbiddenAddress(f"{where[0]} is a private address; allow it with AFFLUENT_ALLOW_PRIVATE_ADDRESSES")
    return socket.socket(family, kind, protocol)


class PublicResolver(AbstractResolver):
    """Resolves names and hands on only public addresses: what was judged is what is connected to."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As any resolver, without the addresses that are not public."""
        addresses = await self._resolver.resolve(host, port, family)
        public = [result for result in addresses if is_public(result["host"])]
        if addresses and not public:
            raise ForbiddenAddress(
                f"{host} resolves to a private address; allow it with AFFLUENT_ALLOW_PRIVATE_ADDRESSES"
            )
        return public

    async def close(self) -> None:
        """Nothing is held."""
