"""What every request passes first: which host it asks for, how often its sender asks, and who that is, for the audit log."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affluent.kit.actor import Actor, acting
from affluent.kit.jsons import dumps
from affluent.server.proxies import TrustedProxies

_UNMETERED = ("/hooks/", "/healthz", "/readyz", "/static/")
"""Vendors send events in bursts, and those must be kept; health is asked by machines."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that says nothing else: one that a browser happens to open is neither guessed at, nor run, nor framed."""
_FOR_A_YEAR = "max-age=31536000"
_MOST_KEPT = 20_000
_LONGEST_AGENT = 300


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_at: float


class RateLimit:
    """So many requests a minute per key, in any rhythm within it."""

    def __init__(self, per_minute: int, seconds: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._seconds = seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one; 0, or after how many seconds the next is there."""
        if not self.per_minute:
            return 0.0
        now = self._seconds()
        bucket = self._buckets.setdefault(key, _Bucket(self.per_minute, now))
        self._buckets.move_to_end(key)
        rate = self.per_minute / 60
        bucket.left = min(float(self.per_minute), bucket.left + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        while len(self._buckets) > _MOST_KEPT:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return (1 - bucket.left) / rate
        bucket.left -= 1
        return 0.0


class RequestMiddleware:
    """The outermost ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        per_minute: int,
        now_per_minute: Callable[[], Awaitable[int]] | None = None,
        proxies: TrustedProxies | None = None,
        is_https: bool = False,
    ) -> None:
        """`is_https`: people reach this server by https, whatever the last stretch of the way is; cookies are Secure then."""
        self._app = app
        self._proxies = proxies or TrustedProxies()
        self._is_https = is_https
        self._hosts = frozenset(host.strip().lower() for host in hosts if host.strip())
        self._limit = RateLimit(per_minute)
        self._now_per_minute = now_per_minute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = self._proxies.caller(scope)
        address = caller.address
        port = scope["client"][1] if scope.get("client") else 0
        scope = {**scope, "client": (address, port), "scheme": "https" if self._is_https else caller.scheme}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer_headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer_headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    answer_headers.setdefault("Strict-Transport-Security", _FOR_A_YEAR)
            await send(message)

        headers = Headers(scope=scope)
        if self._now_per_minute is not None and not scope["path"].startswith(_UNMETERED):
            self._limit.per_minute = await self._now_per_minute()
        refusal = self._refusal(scope["path"], headers, address)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        agent = headers.get("user-agent", "")[:_LONGEST_AGENT]
        with acting(Actor(kind="visitor", address=address, agent=agent)):
            await self._app(scope, receive, sending)

    def _refusal(self, path: str, headers: Headers, address: str) -> Response | None:
        if self._hosts and path not in _UNMETERED and _host(headers.get("host", "")) not in self._hosts:
            return _say(path, 400, "This server does not answer to that host name. See the setting allowed_hosts.")
        if _CONTROL.search(path):
            return _say(path, 404, "There is nothing at this address: it contains control characters.")
        if path.startswith(_UNMETERED):
            return None
        wait = self._limit.wait(f"address {address}")
        token = headers.get("authorization", "")
        if token and not wait:
            wait = self._limit.wait("token " + hashlib.sha256(token.encode("latin-1", "replace")).hexdigest())
        if wait:
            return _say(path, 429, "Too many requests. Slow down.", {"Retry-After": str(max(1, round(wait + 0.5)))})
        return None


def _host(header: str) -> str:
    """The name without the port: "[::1]:8080" is "[::1]"."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdigit() else header.strip().lower()


def _say(path: str, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    extra = {"Cache-Control": "no-store", **(headers or {})}
    if path.startswith("/api/"):
        title = HTTPStatus(status).phrase
        code = title.lower().replace(" ", "_")
        document = {
            "type": f"urn:affluent:problem:{code}", "title": title, "status": status, "detail": message,
            "instance": path, "code": code, "field": "", "problems": [],
        }  # fmt: skip
        return Response(dumps(document), status, media_type="application/problem+json", headers=extra)
    if path.startswith(("/togai/", "/hooks/")):
        return Response(dumps({"message": message}), status, media_type="application/json", headers=extra)
    return Response(message, status, media_type="text/plain", headers=extra)
