"""What one connection may take: bytes and seconds of its request head, and how many of them an address may hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
"""Request line and headers of one request."""
HEAD_SECONDS = 30.0
"""From the first byte of a request, or from the connection, to the end of its headers."""
BODY_SECONDS = 60.0
_ANSWER = "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{text}"


def bounded_protocol(per_address: int, *, head_seconds: float = HEAD_SECONDS) -> type[asyncio.Protocol]:
    """The HTTP protocol of a server that lets an address hold so many connections; 0: any number."""
    held: Counter[str] = Counter()

    class Bounded(_BoundedProtocol):
        connections_held = held
        most_held = per_address
        seconds = head_seconds

    return Bounded


class _BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which itself waits for a request's headers for ever and takes any number of them."""

    connections_held: Counter[str]
    most_held: int
    seconds: float
    _address: str = ""
    _head_bytes: int = 0
    _is_in_head: bool = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.connections_held[self._address] += 1
        if self.most_held and self.connections_held[self._address] > self.most_held:
            self._refuse("503 Service Unavailable", "Too many connections from this address. Close some.")
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.connections_held[self._address] -= 1
        if self.connections_held[self._address] <= 0:
            del self.connections_held[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head:
            if self._head_timer is None:  # the first bytes of another request on a kept connection
                self._wait_for_head()
            self._head_bytes += len(data)
        was_in_head = self._is_in_head
        super().data_received(data)
        # A read is at most 256 KiB, so this is known soon enough; what follows the head in the same read is its body.
        if was_in_head and self._is_in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse("431 Request Header Fields Too Large", f"The headers are larger than {MOST_HEAD_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self._is_in_head, self._head_bytes = False, 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            self._refuse("431 Request Header Fields Too Large", f"The headers are larger than {MOST_HEAD_BYTES} bytes.")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._refuse("408 Request Timeout", f"The headers did not come to their end within {self.seconds:g} seconds.")

    def _refuse(self, status: str, text: str) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER.format(status=status, size=len(text), text=text).encode())
            self.transport.close()


class Patient:
    """Waits only so long for the body of a request, then answers 408; a sender that hangs up is nobody's defect.

    Webhooks are timed where they are read (webhooks/receive.py), because what came of them is kept.
    """

    def __init__(self, app: ASGIApp, *, body_seconds: float) -> None:
        self._app = app
        self._seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await _unless_gone(self._app, scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        is_whole = is_late = is_answered = False

        async def timed() -> Message:
            nonlocal is_whole, is_late
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                is_late = True
                return {"type": "http.disconnect"}
            is_whole = not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal is_answered
            if not is_late or is_answered:
                is_answered = True
                await send(message)

        await _unless_gone(self._app, scope, timed, sending)
        if is_late and not is_answered:
            text = f"The body did not come to its end within {self._seconds:g} seconds."
            await Response(text, 408, media_type="text/plain", headers={"Connection": "close"})(scope, receive, send)


async def _unless_gone(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    with suppress(ClientDisconnect):
        await app(scope, receive, send)
