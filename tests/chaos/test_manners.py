"""A vendor with bad manners: storms of refusals, lost, late and garbled answers, on a healthy installation and a dying one."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.books import count, settled
from tests.chaos.plant import plant
from tests.chaos.sink import AFTER, BEFORE, sink

ACCOUNTS = ("acme", "globex", "initech", "umbrella")
SLOW = ("slow", "late")
STORMS = {"refusals": BEFORE, "lost answers": AFTER, "slowness": SLOW, "everything": (*BEFORE, *AFTER, *SLOW)}


@pytest.mark.long
@pytest.mark.timeout(0)
async def test_storms_of_bad_answers_lose_and_double_nothing(tmp_path, store_url, chance, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough, pause=0.1)) for account in ACCOUNTS]
        for manners in STORMS.values():
            vendor.manner = lambda _method, _path, manners=manners: (
                chance.choice(manners) if chance.random() < 0.4 else ""
            )
            await asyncio.sleep(1.2)
            await it.kill(it.roles[-1])
            await it.start(it.roles[-1])
            await asyncio.sleep(0.8)
        vendor.manner = lambda _method, _path: ""
        enough.set()
        await asyncio.gather(*load)
        await settled(it, hurry=True)
        counts = await count(it)
    tell(counts, f"Bad manners {dict(vendor.manners)}")
    counts.agree()


@pytest.mark.timeout(0)
async def test_a_vendor_that_is_down_for_a_while_gets_everything_afterwards(tmp_path, store_url, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        vendor.manner = lambda _method, _path: "503"
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        await asyncio.sleep(2)
        asked = vendor.requests
        enough.set()
        await asyncio.gather(*load)
        vendor.manner = lambda _method, _path: ""
        await settled(it, hurry=True)
        counts = await count(it)
    tell(counts, f"Down, asked {asked} times meanwhile")
    counts.agree()
    assert asked < counts.accepted * 3  # it was left alone, not hammered
