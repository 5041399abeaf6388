"""Kill -9 of the server and the workers at random moments under load."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.books import count, settled
from tests.chaos.plant import plant
from tests.chaos.sink import sink

ACCOUNTS = ("acme", "globex", "initech", "umbrella")


@pytest.mark.parametrize("installation", ["one", "another"])  # side by side, because most of the time is spent waiting
@pytest.mark.timeout(0)
async def test_killed_at_random_moments_nothing_is_lost_and_nothing_doubled(
    tmp_path, store_url, kills, chance, tell, installation
):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        while it.deaths < kills // 2:
            if chance.random() < 0.7:  # else it may die while it starts
                await it.ready()
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            victim = chance.choice(it.roles)
            await it.kill(victim)
            await it.start(victim)
        enough.set()
        await asyncio.gather(*load)
        await settled(it)
        counts = await count(it)
    tell(counts, "Killed at random")
    counts.agree()
    assert counts.accepted > kills // 2  # it was killed at work
