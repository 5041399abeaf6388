"""What holds for every answer: a strict Content-Security-Policy, and no writes that another site has asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affluent.kit.numbers import whole

_DIRECTIVES = {
    "default-src": "'none'",
    **dict.fromkeys(("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"), "'self'"),
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "htmx",
}
POLICY = "; ".join(f"{name} {value}" for name, value in _DIRECTIVES.items())
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TRUSTED_SITES = frozenset({"same-origin", "none"})


class Security:
    """Puts the headers on, refuses cross-site writes and bodies that are too large."""

    def __init__(self, app: ASGIApp, *, public_url: str, max_body_bytes: int) -> None:
        self._app = app
        self._public_host = urlsplit(public_url).netloc
        self._most = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with the headers, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sending)
        else:
            await self._app(scope, self._counted(receive), sending)

    def _add(self, headers: MutableHeaders, scope: Scope) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = "max-age=31536000"
        headers.setdefault("Cache-Control", "no-store")

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in _SAFE and not self._is_ours(headers):
            return PlainTextResponse("Refused: this request was not made by a page of this server.", 403)
        declared = whole(headers.get("content-length", ""), digits=18)
        if declared is not None and declared > self._most:
            return PlainTextResponse(f"The body is larger than {self._most} bytes.", 413)
        if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
            return PlainTextResponse("The address must not contain the character U+0000.", 400)
        return None

    def _is_ours(self, headers: Headers) -> bool:
        """Browsers tell the site that asks, over https and localhost; elsewhere its origin must be ours."""
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in _TRUSTED_SITES
        origin = urlsplit(headers.get("origin", "")).netloc
        return bool(origin) and origin in (headers.get("host", ""), self._public_host)

    def _counted(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise HTTPException(413, f"The body is larger than {self._most} bytes.")
            return message

        return counted
