"""Death at every named point: before and after every commit, journal entry, acceptance and vendor call."""

from __future__ import annotations

import asyncio
import random

import pytest

from affluent.kit.crash import POINTS
from tests.chaos.books import count, settled
from tests.chaos.plant import Plant, plant
from tests.chaos.sink import sink

ACCOUNTS = ("acme", "globex")


@pytest.mark.timeout(0)
async def test_death_at_every_named_point_loses_and_doubles_nothing(tmp_path, store_url, kills, chance, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor, workers=1) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        for point in POINTS * (1 + kills // 300):
            role = _where(point, it, chance)
            if it.lives(role):
                await it.kill(role)
            await it.start(role, crash_at=f"{point}:{chance.choice((1, chance.randint(2, 12)))}")
            await it.start_all()
            await it.dead(role, seconds=30)
            it.deaths += 1
        await it.start_all()
        enough.set()
        await asyncio.gather(*load)
        await settled(it)
        counts = await count(it)
    tell(counts, "Killed at named points")
    counts.agree()


def _where(point: str, it: Plant, chance: random.Random) -> str:
    """A process that passes this point."""
    if point.startswith("accept") or not it.workers:
        return "server"
    return "worker-0" if point.startswith(("call", "journal")) else chance.choice(it.roles)
