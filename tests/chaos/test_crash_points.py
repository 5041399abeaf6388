"""Death at every named point: before and after every commit, journal entry, acceptance and vendor call."""

from __future__ import annotations

import asyncio

import pytest

from affluent.kit.crash import POINTS
from tests.chaos.books import count, settled
from tests.chaos.plant import plant
from tests.chaos.sink import sink

ACCOUNTS = ("acme", "globex")


@pytest.mark.serial
@pytest.mark.timeout(0)
async def test_death_at_every_named_point_loses_and_doubles_nothing(tmp_path, store_url, chance):
    async with sink() as vendor, plant(tmp_path, store_url, vendor, workers=1) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        for point in POINTS:
            for passes in (1, chance.randint(2, 12)):
                role = "server" if point.startswith("accept") or not it.workers else chance.choice(it.roles)
                if point.startswith(("call", "journal")) and it.workers:
                    role = "worker-0"
                await it.kill(role)
                await it.start(role, crash_at=f"{point}:{passes}")
                await it.dead(role, seconds=30)
                await it.start(role)
        enough.set()
        await asyncio.gather(*load)
        await settled(it)
        counts = await count(it)
    counts.show("Killed at named points")
    counts.agree()
