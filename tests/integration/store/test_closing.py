"""A store that is closed leaves no connection behind."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from affluent.store.database import StoreUnavailable
from affluent.store.postgres import PostgresDatabase


async def test_closing_waits_for_who_still_reads_and_lets_nobody_in_afterwards(postgresql_url: str) -> None:
    database = PostgresDatabase(postgresql_url)
    await database.open()
    reading = asyncio.create_task(database.read(lambda c: c.execute(text("SELECT 7 FROM pg_sleep(0.3)")).scalar_one()))
    await asyncio.sleep(0.1)
    await database.close()
    assert reading.done()
    assert await reading == 7
    for late in (database.read, database.write):
        with pytest.raises(StoreUnavailable, match="closed"):
            await late(lambda c: c.execute(text("SELECT 1")).scalar_one())
