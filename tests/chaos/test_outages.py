"""What the product stands on goes away: PostgreSQL restarts, the disk is full, the clock jumps, the process is told to stop."""

from __future__ import annotations

import asyncio
import resource
import time

import pytest

from tests.chaos.books import count, settled
from tests.chaos.plant import plant
from tests.chaos.sink import sink

ACCOUNTS = ("acme", "globex", "initech", "umbrella")
HOUR = 3_600


@pytest.mark.timeout(0)
async def test_postgresql_restarted_under_load_is_waited_for(tmp_path, postgres_server, postgresql_url, tell):
    async with sink() as vendor, plant(tmp_path, postgresql_url, vendor) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        for how in ("fast", "immediate", "kill"):
            await asyncio.sleep(1.5)
            postgres_server.stop(how)
            await asyncio.sleep(0.7)
            postgres_server.start()  # in this thread: the server ends with the thread that started it
        await asyncio.sleep(1.5)
        enough.set()
        await asyncio.gather(*load)
        assert all(it.lives(role) for role in it.roles)
        await settled(it)
        counts = await count(it)
    tell(counts, "PostgreSQL restarted three times")
    counts.agree()


@pytest.mark.timeout(0)
async def test_a_full_disk_refuses_webhooks_and_forgets_nothing(tmp_path, tell):
    async with sink() as vendor, plant(tmp_path, "", vendor) as it:
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        refused = 0
        for seconds in (0.5, 1.0, 1.5):
            await asyncio.sleep(1)
            _, most = resource.prlimit(it.pids["server"], resource.RLIMIT_FSIZE)
            resource.prlimit(it.pids["server"], resource.RLIMIT_FSIZE, (0, most))  # no file may grow any more
            await asyncio.sleep(seconds)
            refused += not await it.post("acme", "refused")
            resource.prlimit(it.pids["server"], resource.RLIMIT_FSIZE, (most, most))
        await it.deliver("refused", "refused")
        await asyncio.sleep(1)
        enough.set()
        await asyncio.gather(*load)
        assert it.lives("server")
        await settled(it)
        counts = await count(it)
    tell(counts, f"Disk full three times, {refused} of 3 webhooks refused meanwhile")
    assert refused == 3
    counts.agree(ordered=False)


@pytest.mark.long
@pytest.mark.timeout(0)
async def test_a_clock_that_jumps_an_hour_forward_and_back_stops_nothing(tmp_path, store_url, chance, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        vendor.manner = lambda _method, _path: chance.choice(("503", "drop", "", ""))
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough, pause=0.1)) for account in ACCOUNTS]
        for offset in (HOUR, 0, -HOUR, 0, HOUR):
            for role in it.roles:
                await it.kill(role)
                await it.start(role, AFFLUENT_CLOCK_OFFSET_SECONDS=str(offset))
            await asyncio.sleep(1.5)
        for role in it.roles:
            await it.kill(role)
            await it.start(role)
        vendor.manner = lambda _method, _path: ""
        enough.set()
        await asyncio.gather(*load)
        await settled(it, hurry=True)
        counts = await count(it)
    tell(counts, "Clock an hour forward and back")
    counts.agree(ordered=False)


@pytest.mark.long
@pytest.mark.serial
@pytest.mark.timeout(0)
async def test_told_to_stop_under_load_it_ends_in_time_and_the_next_start_goes_on(tmp_path, store_url, tell):
    async with sink() as vendor, plant(tmp_path, store_url, vendor) as it:
        vendor.manner = lambda _method, _path: "slow"
        await it.start_all()
        await it.ready()
        enough = asyncio.Event()
        load = [asyncio.create_task(it.pour(account, enough)) for account in ACCOUNTS]
        longest = 0.0
        for _ in range(3):
            await asyncio.sleep(1.5)
            started = time.monotonic()
            await asyncio.gather(*(it.stop(role) for role in it.roles))
            longest = max(longest, time.monotonic() - started)
            await it.start_all()
        vendor.manner = lambda _method, _path: ""
        enough.set()
        await asyncio.gather(*load)
        await settled(it)
        counts = await count(it)
    tell(counts, f"Stopped three times, {longest:.1f} s at most")
    assert longest <= 10
    assert counts.recognised == 0  # what was being sent was finished, not cut off
    counts.agree()
