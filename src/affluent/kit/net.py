"""Where outgoing requests may go: public addresses only, judged after the name was resolved."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


class ForbiddenAddress(OSError):
    """The address is private, loopback, link-local, or a cloud's metadata service."""


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from the public internet."""
    try:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


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


class PublicResolver(AbstractResolver):
    """Resolves names and hands on only public addresses: what was judged is what is connected to."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As any resolver, without the addresses that are not public."""
        found = await self._resolver.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if found and not public:
            raise ForbiddenAddress(
                f"{host} resolves to a private address; allow it with AFFLUENT_ALLOW_PRIVATE_ADDRESSES"
            )
        return public

    async def close(self) -> None:
        """Nothing is held."""
