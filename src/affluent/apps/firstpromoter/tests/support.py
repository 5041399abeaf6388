"""The twin on a real port of this machine, and the engine's own door to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.schemas import Credentials
from affluent.apps.firstpromoter.twin import FirstPromoterTwin
from affluent.engine.limits import Limiter
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.sdk import Context
from tests.support.serving import served


@dataclass
class Bench:
    """An action can be tried here as the engine would try it."""

    twin: FirstPromoterTwin
    url: str
    network: Network
    version: int

    @property
    def credentials(self) -> Credentials:
        account = {"account_id": "acc-1"} if self.version == 2 else {}
        base = f"{self.url}/firstpromoter/api/v{self.version}"
        return Credentials(api_key=SecretStr("fp_test_key"), base_url=base, **account)

    def context(
        self, action: str = "", credentials: Credentials | None = None, units: int | None = None
    ) -> Context[Any]:
        """What the engine hands to an action."""
        given = credentials or self.credentials
        found = app.actions.get(action)
        door = HttpVendorClient(
            network=self.network,
            limiter=Limiter(),
            vendor=app.title,
            connection_id="con_1",
            base_url=app.base_url(given, ""),
            headers=app.headers(given),
            limit=None,
            priority=0,
            effect=found.effect if found else app.actions["find_referral"].effect,
            faults=found.faults if found else {},
            app_faults=app.faults,
            secrets=(given.api_key.get_secret_value(),),
        )
        return Context(credentials=given, http=door, effect_key="key", now=clock.now(), units=units)

    async def run(self, action: str, /, **fields: Any) -> Any:
        """Run an action; returns its output or raises what the answer means."""
        found = app.actions[action]
        return await found.run(self.context(action), found.input.model_validate(fields))

    async def look_up(self, action: str, /, **fields: Any) -> BaseModel | None:
        """Ask whether an action's effect is there."""
        found = app.actions[action]
        assert found.look_up is not None
        return await found.look_up(self.context(action), found.input.model_validate(fields))

    @property
    def books(self) -> Any:
        return self.twin.books()

    def called(self, path: str) -> list[JSONObject]:
        """The calls whose path ends so."""
        return [call for call in self.twin.calls if call["path"].endswith(path)]


@asynccontextmanager
async def bench(version: int, before: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> AsyncIterator[Bench]:
    """Serve a fresh twin for one test; `before` may stand in front of it."""
    twin = FirstPromoterTwin()
    network = Network(allow_private=True, timeout_seconds=5)
    async with served(before(Starlette(routes=[Mount("/firstpromoter", twin.application())]))) as url:
        try:
            yield Bench(twin, url, network, version)
        finally:
            await network.close()
