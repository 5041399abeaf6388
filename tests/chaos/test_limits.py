"""A vendor that counts and refuses what is too much; four workers with a backlog, and a neighbour that must not notice."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from tests.chaos.plant import Plant, plant
from tests.chaos.sink import Sink, sink

BACKLOG = 1_000
"""Events; each is two calls."""
AT_ONCE = 20


async def _post_all(it, count):
    numbers = iter(range(count))

    async def post():
        for number in numbers:
            while not await it.post("", f"event-{number:05d}"):
                await asyncio.sleep(0.02)

    await asyncio.gather(*(post() for _ in range(AT_ONCE)))


def _use(vendor: Sink, backlog: int) -> tuple[float, int]:
    """The share of the limit that was used from the first second to the last, and the most in any window."""
    times = vendor.arrivals
    first, last = times[backlog // 20], times[-backlog // 20]  # without the start of the workers, and the end
    inside = sum(first <= at < last for at in times)
    busiest, start = 0, 0
    for end, at in enumerate(times):
        while times[start] <= at - vendor.window:
            start += 1
        busiest = max(busiest, end - start + 1)
    return inside / ((last - first) * vendor.limit / vendor.window), busiest


@pytest.mark.long
@pytest.mark.serial
@pytest.mark.timeout(0)
async def test_four_workers_use_a_vendors_limit_to_its_edge_and_are_never_refused(tmp_path, postgresql_url, tell_line):
    async with sink(limit=1_000, window=15) as vendor, plant(tmp_path, postgresql_url, vendor, workers=4) as it:
        await it.start("server")
        await it.ready()
        await _post_all(it, BACKLOG)
        await it.start_all()
        stall = 0.0
        async with asyncio.timeout(180):
            while len(vendor.entries) < BACKLOG:
                before = time.monotonic()
                await asyncio.sleep(0.02)
                stall = max(stall, time.monotonic() - before - 0.02)
        assert max(vendor.lines.values()) == 1
    used, busiest = _use(vendor, 2 * BACKLOG)
    tell_line(
        f"Limit of 1,000 per 15 s, four workers, {2 * BACKLOG} calls: {used:.1%} used, at most {busiest} in a window,"
        f" {vendor.refused} refused, the machine stood still for {stall * 1000:.0f} ms at most"
    )
    # Where processes stand still for longer than the limiter's margin lasts, calls arrive in bunches whenever they were sent.
    late = round(2 * stall * vendor.limit / vendor.window) if stall > 0.1 else 0
    assert vendor.refused <= late
    assert busiest <= vendor.limit + late
    assert used >= (0.95 if stall <= 0.1 else 0.8)


async def _waits(it: Plant, near: Sink, name: str) -> list[float]:
    """The seconds from posting a neighbour's event to its first call, twenty times."""
    waits = []
    for number in range(20):
        asked, before = time.monotonic(), len(near.arrivals)
        assert await it.post("", f"{name}-{number}", to_neighbour=True)
        async with asyncio.timeout(20):
            while not near.entries[f"{name}-{number}"]:
                await asyncio.sleep(0.002)
        waits.append(near.arrivals[before] - asked)
        await asyncio.sleep(0.1)
    return waits


@pytest.mark.long
@pytest.mark.serial
@pytest.mark.timeout(0)
async def test_a_backlog_behind_a_limit_does_not_delay_another_connections_event(tmp_path, store_url, tell_line):
    async with (
        sink(limit=100, window=10) as vendor,
        sink() as near,
        plant(tmp_path, store_url, vendor, neighbour=near) as it,
    ):
        await it.start_all()
        await it.ready()
        alone = statistics.median(await _waits(it, near, "alone"))
        await _post_all(it, 400)
        waits = await _waits(it, near, "behind")
        used = len(vendor.arrivals)
    middle = statistics.median(waits)
    tell_line(
        f"{'PostgreSQL' if store_url else 'SQLite'}: behind a backlog of 400 runs at 10/s ({used} calls meanwhile) another"
        f" connection's event took {middle * 1000:.0f} ms to its call (median),"
        f" {max(waits) * 1000:.0f} ms at most; without the backlog {alone * 1000:.0f} ms"
    )
    assert middle < max(
        0.5, 5 * alone
    )  # behind the backlog it would be 40 s; a busy machine is slower without one, too
