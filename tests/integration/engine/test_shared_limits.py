"""One limit for all processes, shared through the database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from affluent.engine.limits import Limiter, shared_reserve
from affluent.kit import clock
from affluent.sdk import Limit
from affluent.store.postgres import PostgresDatabase
from affluent.store.sqlite import SqliteDatabase
from tests.support.engine import create_tables

LIMIT = Limit(requests=100, per_seconds=1)
CALLS = 75
PROCESSES = 4


async def _limiters(url, stack):
    databases = [PostgresDatabase(url) for _ in range(PROCESSES)]
    await create_tables(databases[0])
    for database in databases:
        await database.open()
        stack.push_async_callback(database.close)
    return [Limiter(shared_reserve(database)) for database in databases]


async def _pass(limiters, calls):
    loop = asyncio.get_running_loop()
    times = []

    async def call(limiter):
        await limiter.acquire("con_1", LIMIT, 0)
        times.append(loop.time())

    await asyncio.gather(*(call(limiter) for limiter in limiters for _ in range(calls)))
    return sorted(times)


@pytest.mark.serial  # it measures time
async def test_four_processes_together_use_a_limit_to_its_edge_and_do_not_cross_it(postgresql_url):
    async with AsyncExitStack() as stack:
        times = await _pass(await _limiters(postgresql_url, stack), CALLS)
    busiest = max(sum(start <= other < start + 0.97 for other in times) for start in times)
    assert busiest <= LIMIT.requests
    assert len(times) / (times[-1] - times[0]) >= 0.9 * LIMIT.requests


async def test_a_clock_that_stepped_back_an_hour_does_not_block_a_connection(tmp_path):
    database = SqliteDatabase(tmp_path / "affluent.db")
    await create_tables(database)
    await database.open()
    limiter = Limiter(shared_reserve(database))
    clock.shift(timedelta(hours=1))
    await limiter.acquire("con_1", LIMIT, 0)
    clock.shift(-timedelta(hours=1))
    started = asyncio.get_running_loop().time()
    await asyncio.wait_for(limiter.acquire("con_1", LIMIT, 0), 30)
    await database.close()
    assert asyncio.get_running_loop().time() - started < 5
