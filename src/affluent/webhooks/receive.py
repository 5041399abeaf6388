"""`POST /hooks/{flow_connection}/{token}`: plain ASGI, because every microsecond counts here."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from affluent.kit.jsons import dumps
from affluent.kit.numbers import whole
from affluent.services.inbound.webhooks import Answer, Hooks
from affluent.store.database import StoreUnavailable

BODY_SECONDS = 30.0
"""How long the body of a webhook may take; its sender tries again."""
_PARTS = 4
_UNAVAILABLE = Answer(status=503, body={"message": "The event could not be stored right now; send it again."})


class _Size(Enum):
    WHOLE = auto()
    TOO_LARGE = auto()
    GONE = auto()


class WebhookMiddleware:
    """Answers webhooks before any routing is done, and passes all other requests to the application."""

    def __init__(
        self, hooks: Hooks, otherwise: ASGIApp, *, max_body_bytes: int, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._receive = _Receiver(hooks, max_body_bytes, body_seconds)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/hooks/"):
            parts = scope["path"].split("/")
            if len(parts) == _PARTS and parts[2] and parts[3]:
                await self._receive.answer(parts[2], parts[3], scope, receive, send)
                return
        await self._otherwise(scope, receive, send)


def hook_routes(hooks: Hooks, *, max_body_bytes: int) -> list[Route]:
    """The routes of all webhooks; behind a WebhookMiddleware they only refuse other methods."""
    return [Route("/hooks/{flow_connection}/{token}", _Receiver(hooks, max_body_bytes), methods=["POST"])]


class _Receiver:
    """Reads the body of a webhook, hands it to the service that verifies and stores it, and sends the answer."""

    def __init__(self, hooks: Hooks, max_body_bytes: int, body_seconds: float = BODY_SECONDS) -> None:
        self._hooks = hooks
        self._largest = max_body_bytes
        self._seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an endpoint of Starlette."""
        parameters = scope["path_params"]
        await self.answer(parameters["flow_connection"], parameters["token"], scope, receive, send)

    async def answer(self, flow_connection: str, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one webhook."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        chunks: list[bytes] = []
        is_late, size = False, _Size.GONE
        try:
            async with asyncio.timeout(self._seconds):
                size = await _read(headers, receive, self._largest, chunks)
        except TimeoutError:
            is_late = True
        body = b"".join(chunks)
        try:
            if is_late:
                answer = await self._hooks.refuse_too_slow(flow_connection, body, headers, self._seconds)
            elif size is _Size.WHOLE:
                answer = await self._hooks.receive(flow_connection, token, body, headers)
            elif size is _Size.TOO_LARGE:
                beginning = body[: self._largest]
                answer = await self._hooks.refuse_too_large(flow_connection, beginning, headers, self._largest)
            else:  # the sender is gone
                return
        except StoreUnavailable:
            # Not stored, so not acknowledged: the vendor sends it again.
            answer = _UNAVAILABLE
        await _send_answer(answer, send)


async def _read(headers: dict[str, str], receive: Receive, largest: int, chunks: list[bytes]) -> _Size:
    """Read the raw body into `chunks`; a larger one is not read further than needed to know."""
    declared = whole(headers.get("content-length", ""), digits=18)
    if declared is not None and declared > largest:
        return _Size.TOO_LARGE
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _Size.GONE
        chunk = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
        if size > largest:
            return _Size.TOO_LARGE
        if not message.get("more_body", False):
            return _Size.WHOLE


async def _send_answer(answer: Answer, send: Send) -> None:
    body = dumps(answer.body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
