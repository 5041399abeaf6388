"""Alerts: one message for all that is new, told once, told again when nobody was reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import update

from affluent.engine.door import Network
from affluent.services.alerts import Alerts, Wishes
from affluent.store import tables
from tests.integration.services.desk import Desk, desk


@dataclass
class Channel:
    """Where alerts arrive."""

    status: int = 200
    messages: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.messages.append((await request.json())["text"])
        return web.Response(status=self.status)


@asynccontextmanager
async def alerting(here: Desk, channel: Channel) -> AsyncIterator[Alerts]:
    """Alerts that go to a channel on a local port."""
    server = web.Application()
    server.router.add_post("/", channel.take)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    network = Network(allow_private=True, timeout_seconds=5)
    wishes = Wishes(
        targets=(f"slack:http://127.0.0.1:{runner.addresses[0][1]}/",),
        smtp="",
        sender="",
        failures=3,
        queue_age=timedelta(minutes=15),
    )
    try:
        yield Alerts(database=here.database, network=network, wishes=wishes, server_url="http://hub")
    finally:
        await network.close()
        await runner.cleanup()


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        yield opened


async def ail(here: Desk, connection_id: str, status: str = "needs_attention") -> None:
    values = {"status": status, "status_reason": "The key was refused."}
    query = update(tables.connections).where(tables.connections.c.id == connection_id).values(**values)
    await here.database.write(lambda connection: connection.execute(query))


async def failed_run(here: Desk) -> None:
    run_id = await here.paused_run("con_x")
    query = update(tables.runs).where(tables.runs.c.id == run_id)
    values = {"state": "failed", "cause": "rejected", "sentence": "Refused."}
    await here.database.write(lambda connection: connection.execute(query.values(**values)))


async def test_all_that_is_new_comes_in_one_message_and_only_once(here: Desk) -> None:
    channel = Channel()
    async with alerting(here, channel) as alerts:
        assert await alerts.sweep() == 0
        await ail(here, await here.shop())
        for _ in range(3):
            await failed_run(here)
        assert await alerts.sweep() == 2
        assert await alerts.sweep() == 0
    (message,) = channel.messages
    assert "Main shop needs attention: The key was refused." in message
    assert "3 runs failed within an hour, e.g.: Refused." in message


async def test_fewer_failures_than_wished_for_are_no_alert(here: Desk) -> None:
    channel = Channel()
    await failed_run(here)
    async with alerting(here, channel) as alerts:
        assert await alerts.sweep() == 0
    assert channel.messages == []


async def test_what_could_not_be_told_is_told_later(here: Desk) -> None:
    channel = Channel(status=500)
    await ail(here, await here.shop())
    async with alerting(here, channel) as alerts:
        await alerts.sweep()
        channel.status = 200
        assert await alerts.sweep() == 1
    assert len(channel.messages) == 1


async def test_what_was_well_in_between_is_told_again(here: Desk) -> None:
    channel = Channel()
    shop = await here.shop()
    async with alerting(here, channel) as alerts:
        for status in ("needs_attention", "active", "needs_attention"):
            await ail(here, shop, status)
            await alerts.sweep()
    assert len(channel.messages) == 2
