"""A vendor on a local port, and an app's actions tried through the engine's own door to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from affluent.engine.limits import Limiter
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads
from affluent.sdk import App, Context, CredentialsModel, Effect
from tests.support.serving import answering, served  # noqa: F401 - some tests take both from here

NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that the vendor received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> JSONValue:
        """The body as JSON; None when there is none."""
        return loads(self.raw) if self.raw else None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """What the vendor answers."""

    status: int = 200
    body: JSONValue = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class LocalVendor:
    """A server on a local port that answers by a function and notes what it was asked."""

    answer: Callable[[Call], Say]
    seconds: float = 0
    """How long it takes over an answer."""
    url: str = ""
    calls: list[Call] = field(default_factory=list)

    def asked(self) -> list[str]:
        """The requests so far, as method and path."""
        return [str(call) for call in self.calls]

    async def handle(self, request: web.Request) -> web.Response:
        """Any request."""
        call = Call(
            method=request.method,
            path=request.rel_url.raw_path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            raw=await request.read(),
        )
        self.calls.append(call)
        await asyncio.sleep(self.seconds)
        said = self.answer(call)
        if isinstance(said.body, str):
            kind = said.headers.get("Content-Type", "text/html")
            return web.Response(text=said.body, status=said.status, content_type=kind)
        body = b"" if said.body is None else dumps(said.body).encode()
        return web.Response(body=body, status=said.status, content_type="application/json", headers=said.headers)


@asynccontextmanager
async def local_vendor(answer: Callable[[Call], Say], *, seconds: float = 0) -> AsyncIterator[LocalVendor]:
    """A vendor that is there for a while."""
    vendor = LocalVendor(answer, seconds)
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", vendor.handle)
    async with answering(server) as vendor.url:
        yield vendor


@dataclass
class Bench:
    """Tries an app as the engine would, with given credentials."""

    app: App
    network: Network
    credentials: CredentialsModel | None = None
    now: datetime = NOW
    server_url: str = "http://127.0.0.1:1"
    exchanges: list[JSONObject] = field(default_factory=list)

    def context(self, key: str = "", *, effect_key: str = "evt_1/fco_1/step") -> Context[Any]:
        """What an action of this key is handed; without one, what the test of a connection is handed."""
        action = self.app.actions.get(key)
        given = self.credentials
        door = HttpVendorClient(
            network=self.network,
            limiter=Limiter(),
            vendor=self.app.title,
            connection_id="con_1",
            base_url=self.app.base_url(given, self.server_url) if given else "",
            headers=self.app.headers(given) if given else {},
            limit=None,
            priority=0,
            effect=action.effect if action else Effect.READ,
            faults=action.faults if action else {},
            app_faults=self.app.faults,
            exchanges=self.exchanges,
        )
        return Context(credentials=given, http=door, effect_key=effect_key, now=self.now, server_url=self.server_url)

    async def run(self, key: str, given: JSONObject, *, effect_key: str = "evt_1/fco_1/step") -> Any:
        """Run an action on an input as a mapping builds it; returns its output."""
        action = self.app.actions[key]
        return await action.run(self.context(key, effect_key=effect_key), action.input.model_validate(given))

    async def look_up(self, key: str, given: JSONObject) -> BaseModel | None:
        """What the look-up of an action finds."""
        action = self.app.actions[key]
        assert action.look_up is not None
        return await action.look_up(self.context(key), action.input.model_validate(given))

    async def test(self) -> str:
        """What the test of the connection says."""
        assert self.app.tester is not None
        return await self.app.tester(self.context())


@asynccontextmanager
async def bench(app: App, credentials: JSONObject | None = None, **options: Any) -> AsyncIterator[Bench]:
    """An app at work on this machine."""
    network = Network(allow_private=options.pop("allow_private", True), timeout_seconds=5)
    model = app.credentials.model_validate(credentials) if app.credentials and credentials is not None else None
    try:
        yield Bench(app=app, network=network, credentials=model, **options)
    finally:
        await network.close()
