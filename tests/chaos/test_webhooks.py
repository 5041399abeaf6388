"""Webhooks that come twice, at once, in any order, late, and while the server is being killed."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.books import count, settled
from tests.chaos.plant import plant
from tests.chaos.sink import sink

EVENTS = 150
COPIES = 3


@pytest.mark.timeout(0)
async def test_duplicated_reordered_and_late_webhooks_have_one_effect_each(tmp_path, store_url, chance, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        await it.start_all()
        await it.ready()
        copies = [f"event-{number:04d}" for number in range(EVENTS) for _ in range(COPIES)]
        chance.shuffle(copies)

        async def post(event_id: str, after: float) -> None:
            await asyncio.sleep(after)
            while not await it.post("", event_id):
                await asyncio.sleep(0.02)

        posts = [asyncio.create_task(post(event_id, chance.uniform(0, 3))) for event_id in copies]
        for _ in range(4):
            await asyncio.sleep(0.6)
            await it.kill("server")
            await it.start("server")
        await asyncio.gather(*posts)
        it.accepted[""] = sorted(set(copies))
        await settled(it)
        counts = await count(it)
    tell(counts, f"{COPIES} copies of each webhook in any order")
    counts.agree(ordered=False)
