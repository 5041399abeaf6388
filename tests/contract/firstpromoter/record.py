"""What went between the app and the twin, whole, as the description's validator wants to see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.support.lazily import Lazy

if TYPE_CHECKING:
    from openapi_core.datatypes import RequestParameters

openapi = Lazy("openapi_core")


@dataclass
class Sent:
    """A request; v1's form fields stand in the query, where its description puts them."""

    method: str
    path: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    host_url: str = ""


@dataclass
class Answered:
    """An answer."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass
class Recorder:
    """Stands before the twin and keeps every exchange."""

    app: ASGIApp | None = None
    exchanges: list[tuple[Sent, Answered]] = field(default_factory=list)

    def before(self, app: ASGIApp) -> ASGIApp:
        """Stand in front of an application."""
        self.app = app
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        body, messages = b"", []

        async def hear() -> Message:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def say(message: Message) -> None:
            messages.append(message)
            await send(message)

        await self.app(scope, hear, say)
        headers = Headers([(name.decode(), value.decode("latin-1")) for name, value in messages[0]["headers"]])
        answer = Answered(messages[0]["status"], headers, b"".join(item.get("body", b"") for item in messages[1:]))
        self.exchanges.append((_sent(scope, body), answer))


def _sent(scope: Scope, body: bytes) -> Sent:
    headers = Headers([(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]])
    query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
    kind = headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        query += parse_qsl(body.decode(), keep_blank_values=True)
        kind, body = "", b""
    parameters = openapi.datatypes.RequestParameters(query=ImmutableMultiDict(query), header=headers)
    path = scope["path"].removeprefix("/firstpromoter")
    return Sent(scope["method"].lower(), path, parameters, kind, body or None)
