"""A request to an ASGI application in this process, as a server would hand it over: no socket, no thread."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import quote

from affluent.kit.jsons import loads

_PART = 60_000


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. The names of its headers are in lower case."""

    status: int
    raw_headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return loads(self.body)

    @property
    def message(self) -> str:
        """The text of an error of the billing workspace."""
        text: str = self.json["message"]
        return text

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def words(self) -> str:
        """What a person reads: no tags, spaces made one."""
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", self.text)))

    @property
    def headers(self) -> dict[str, str]:
        """The last value of each header."""
        return dict(self.raw_headers)

    def header(self, name: str) -> str:
        """The last value of a header; empty when there is none."""
        return self.headers.get(name.lower(), "")

    @property
    def cookies(self) -> list[str]:
        """Every Set-Cookie."""
        return [value for name, value in self.raw_headers if name == "set-cookie"]


async def ask(
    application: Any,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[str, str]],
    body: bytes = b"",
    scheme: str = "http",
    server: str = "127.0.0.1",
    address: str = "127.0.0.1",
) -> Answer:
    """The answer to one request. Of a stream of events, which has no end, the first part."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": scheme, "path": path,
        "raw_path": quote(path, safe="/%").encode(), "query_string": query.encode(), "root_path": "",
        "client": (address, 1), "server": (server, 80),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }  # fmt: skip
    parts = [body[start : start + _PART] for start in range(0, len(body), _PART)] or [b""]
    sent: list[Any] = []
    has_ended = asyncio.Event()

    async def receive() -> Any:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        await has_ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        is_stream = any(value.startswith(b"text/event-stream") for _, value in sent[0].get("headers", ()))
        if message["type"] == "http.response.body" and (is_stream or not message.get("more_body")):
            has_ended.set()

    await application(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    raw = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    received = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], raw, received)
