"""What workers do for a flow connection, over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.api.v1 import api
from affluent.services.identity.tokens import Tokens
from affluent.settings import Settings
from tests.integration.api.client import Client
from tests.integration.inbound.stand import Stand, stand


@asynccontextmanager
async def calling(url: str, *scopes: str) -> AsyncIterator[tuple[Stand, Client]]:
    """The inbound side and a client of its API with a token of these scopes."""
    async with stand(url) as it:
        tokens = Tokens(database=it.database)
        hub = SimpleNamespace(settings=Settings(), tokens=tokens, background_jobs=it.background_jobs, polls=it.polls)
        secret = (await tokens.generate(name="Test", scopes=scopes)).secret
        yield it, Client(None, Starlette(routes=[Mount("/api/v1", api(hub))]), secret)


async def test_a_poll_is_shown_and_its_beginning_and_interval_are_chosen(database_url):
    async with calling(database_url, "flows:read", "flows:write") as (it, call):
        it.vendor.items = ["a"]
        link = await it.connect("made")
        await it.attend()
        chosen = await call("PATCH", f"/flow-connections/{link}/poll", {"start": "everything", "every_seconds": 60})
        assert (chosen.status, chosen.json) == (200, {"start": "everything", "every_seconds": 60})
        await it.attend()
        (duty,) = (await call("GET", f"/flow-connections/{link}/duties")).json
        assert (duty["kind"], duty["items"], duty["failures"]) == ("poll", 1, 0)
        assert duty["settings"] == {"start": "everything", "every_seconds": 60}


async def test_a_backfill_is_begun_and_its_progress_is_among_the_duties(database_url):
    async with calling(database_url, "flows:read", "flows:write") as (it, call):
        it.vendor.items = ["a", "b"]
        link = await it.connect("all")
        begun = await call("POST", f"/flow-connections/{link}/backfill")
        assert (begun.status, [duty["kind"] for duty in begun.json]) == (202, ["backfill"])
        await it.attend()
        (duty,) = (await call("GET", f"/flow-connections/{link}/duties")).json
        assert (duty["phase"], duty["items"]) == ("done", 2)


async def test_what_cannot_be_done_is_a_problem_with_a_sentence(database_url):
    async with calling(database_url, "flows:read", "flows:write") as (it, call):
        told = await it.connect("told")
        assert (await call("PATCH", f"/flow-connections/{told}/poll", {"every_seconds": 60})).status == 409
        assert (await call("PATCH", f"/flow-connections/{told}/poll", {"every_seconds": 1})).status == 422
        assert (await call("POST", f"/flow-connections/{told}/backfill")).status == 409
        assert (await call("GET", "/flow-connections/fco_none/duties")).status == 404
        assert (await call("POST", "/flow-connections/fco_none/backfill")).status == 404


async def test_a_token_that_may_only_read_begins_no_backfill(database_url):
    async with calling(database_url, "flows:read") as (it, call):
        link = await it.connect("all")
        assert (await call("POST", f"/flow-connections/{link}/backfill")).status == 403
