"""Base of every twin: a stand-in for a vendor that keeps records and misbehaves on demand.

Switches over HTTP, under the twin's own address:

    POST /_twin/fail    {"status": 503, "times": 3, "path": "/track/sale", "retry_after": 2, "body": "…", "content_type": "…"}
                        every switch takes "path" (a part of it) and "method": only such calls use it up
    POST /_twin/drop    {"times": 1, "path": "…"}      apply, then drop the answer
    POST /_twin/reset_connection {"times": 1}          drop before applying
    POST /_twin/truncate {"times": 1}                  apply, answer half of the JSON
    POST /_twin/slow    {"seconds": 2, "times": 1, "path": "…"}
    POST /_twin/revoke  {"key": "…"}                   and /_twin/restore
    GET  /_twin/calls                                  every vendor call received: method, path, status, body
    GET  /_twin/books                                  what the vendor holds
    POST /_twin/heal                                   forget the switches only
    POST /_twin/clear                                  forget switches, calls and books
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affluent.kit.jsons import JSONObject, JSONValue, loads

_KINDS = ("fail", "drop", "reset_connection", "truncate", "slow")


@dataclass(slots=True, kw_only=True)
class Switch:
    """One armed misbehaviour."""

    kind: str
    times: int = 1
    path: str = ""
    method: str = ""
    """Only calls with this method; empty: with any."""
    options: JSONObject = field(default_factory=dict)


class Twin:
    """Subclass it: give `routes()`, `books()` and `clear_books()`; `application()` is the ASGI app to serve."""

    key = ""
    """Path prefix under which `affluent twins` serves it, equal to the app's key."""

    def __init__(self) -> None:
        self.switches: list[Switch] = []
        self.calls: list[JSONObject] = []
        self.revoked: set[str] = set()

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's own routes."""
        return ()

    def books(self) -> JSONValue:
        """What the vendor holds, for checks against our own."""
        return {}

    def clear_books(self) -> None:
        """Forget everything the vendor holds."""

    async def started(self) -> None:
        """Called when the server of the twins has started."""

    def application(self) -> ASGIApp:
        """The twin as an ASGI application, with its switches in front."""
        own = [
            Route("/_twin/calls", self._show_calls),
            Route("/_twin/books", self._show_books),
            Route("/_twin/clear", self._clear, methods=["POST"]),
            Route("/_twin/heal", self._heal, methods=["POST"]),
            Route("/_twin/revoke", self._revoke, methods=["POST"]),
            Route("/_twin/restore", self._restore, methods=["POST"]),
        ]
        # A twin's own controls come before the switches, whose route takes any name.
        switches = Route("/_twin/{kind}", self._arm, methods=["POST"])
        return _Misbehaving(Starlette(routes=[*own, *self.routes(), switches]), self)

    def fail_next(self, status: int, *, times: int = 1, path: str = "", method: str = "", **options: JSONValue) -> None:
        """Answer the next calls with this status and do nothing."""
        self.switches.append(
            Switch(kind="fail", times=times, path=path, method=method, options={"status": status, **options})
        )

    def drop_answer(self, *, times: int = 1, path: str = "", method: str = "") -> None:
        """Apply the next calls but drop the connection before the answer."""
        self.switches.append(Switch(kind="drop", times=times, path=path, method=method))

    def slow(self, seconds: float, *, times: int = 1, path: str = "") -> None:
        """Wait before applying the next calls."""
        self.switches.append(Switch(kind="slow", times=times, path=path, options={"seconds": seconds}))

    def revoke_key(self, key: str) -> None:
        """Refuse this key from now on."""
        self.revoked.add(key)

    def take(self, path: str, method: str) -> Switch | None:
        """The switch that is armed for this path and method, used up by one."""
        for switch in self.switches:
            if switch.path in path and switch.method in ("", method):
                switch.times -= 1
                if switch.times <= 0:
                    self.switches.remove(switch)
                return switch
        return None

    async def _arm(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in _KINDS:
            return JSONResponse({"message": f"no switch {kind!r}; there are {', '.join(_KINDS)}"}, status_code=404)
        options = loads(await request.body() or b"{}")
        self.switches.append(
            Switch(
                kind=kind,
                times=int(options.pop("times", 1)),
                path=options.pop("path", ""),
                method=options.pop("method", ""),
                options=options,
            )
        )
        return JSONResponse({"armed": kind})

    async def _show_calls(self, _request: Request) -> Response:
        return JSONResponse(self.calls)

    async def _show_books(self, _request: Request) -> Response:
        return JSONResponse(self.books())

    async def _clear(self, _request: Request) -> Response:
        self.switches.clear()
        self.calls.clear()
        self.revoked.clear()
        self.clear_books()
        return JSONResponse({"cleared": True})

    async def _heal(self, _request: Request) -> Response:
        self.switches.clear()
        return JSONResponse({"healed": True})

    async def _revoke(self, request: Request) -> Response:
        self.revoke_key(loads(await request.body())["key"])
        return JSONResponse({"revoked": True})

    async def _restore(self, request: Request) -> Response:
        self.revoked.discard(loads(await request.body())["key"])
        return JSONResponse({"restored": True})


class _Misbehaving:
    """Notes every vendor call and carries out the armed switches."""

    def __init__(self, app: ASGIApp, twin: Twin) -> None:
        self._app = app
        self._twin = twin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or "/_twin/" in path:
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        call = _call_of(scope, body)
        self._twin.calls.append(call)
        switch = self._twin.take(path, scope["method"])
        if switch is not None and switch.kind == "slow":
            await asyncio.sleep(float(switch.options.get("seconds", 1)))
            switch = None
        kind = switch.kind if switch is not None else ""
        if switch is not None and kind == "fail":
            call["status"] = int(switch.options["status"])
            await _failure(switch.options)(scope, receive, send)
        elif kind == "reset_connection":
            call["status"] = 0
            await _drop(send)
        else:
            await self._apply(call, kind, scope, body, send)

    async def _apply(self, call: JSONObject, kind: str, scope: Scope, body: bytes, send: Send) -> None:
        """Hand the call to the vendor's routes; then send its answer whole, halved or not at all, as the switch says."""
        messages: list[Message] = []
        await self._app(scope, _replay(body), _collect(messages))
        call["status"] = messages[0]["status"] if messages else None
        if kind == "drop":
            await _drop(send)
            return
        for message in messages:
            await send(_halved(message) if kind == "truncate" else message)


def _call_of(scope: Scope, body: bytes) -> JSONObject:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope.get("query_string", b"").decode(),
        "body": body.decode("utf-8", "replace"),
        "headers": {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
        "status": None,
    }


async def _whole_body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _collect(messages: list[Message]) -> Send:
    async def send(message: Message) -> None:
        messages.append(message)

    return send


def _halved(message: Message) -> Message:
    if message["type"] == "http.response.start":
        kept = [(name, value) for name, value in message["headers"] if name.lower() != b"content-length"]
        return {**message, "headers": kept}
    body = message.get("body", b"")
    return {**message, "body": body[: len(body) // 2]}


def _failure(options: JSONObject) -> Response:
    headers = {"retry-after": str(options["retry_after"])} if "retry_after" in options else {}
    content = options.get("body", "")
    return Response(
        content,
        status_code=int(options["status"]),
        headers=headers,
        media_type=options.get("content_type", "text/plain"),
    )


async def _drop(send: Send) -> None:
    """Promise a body and end without it: the server closes the connection, the caller sees no answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    with suppress(RuntimeError):  # the server's own word for a body that is too short
        await send({"type": "http.response.body", "body": b"", "more_body": False})
