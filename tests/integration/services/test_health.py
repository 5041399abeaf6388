"""How connections fare: calls by the hour, failures, the 95th percentile; on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.services.connections.health import HOURS, Health
from affluent.store import tables
from affluent.store.database import Database
from tests.integration.services.desk import desk


async def calls(database: Database, *lasted: int, outcome: str = "applied", connection_id: str = "con_1") -> None:
    """One run with one attempt per duration, now."""
    run_id, now = new_id("run"), clock.now()
    step = {
        "run_id": run_id, "position": 0, "step_id": "a", "app": "shop", "action": "order", "connection_id": connection_id,
        "state": "done", "outcome": outcome, "sentence": "", "effect": "read", "effect_key": "", "tries": 1,
        "started_at": now,
    }  # fmt: skip
    attempts = [
        {
            "run_id": run_id, "position": 0, "number": number, "started_at": now, "milliseconds": milliseconds,
            "outcome": outcome, "status": 200, "sentence": "", "exchanges": [],
        }
        for number, milliseconds in enumerate(lasted)
    ]  # fmt: skip

    def unit(connection: Connection) -> None:
        connection.execute(insert(tables.step_runs).values(**step))
        connection.execute(insert(tables.attempts), attempts)

    await database.write(unit)


async def test_a_connection_without_calls_has_idle_hours(database_url: str) -> None:
    async with desk(database_url) as it:
        counted = Health(it.database)
        while not (health := (await counted.last_day())["con_1"]).is_complete:
            await asyncio.sleep(0)
        assert health.kinds == ("idle",) * HOURS
        assert (health.p95, health.last_call, health.words) == (None, None, "No calls in 24 hours")


async def test_calls_are_counted_per_connection_with_their_percentile(database_url: str) -> None:
    async with desk(database_url) as it:
        await calls(it.database, *range(1, 101))
        await calls(it.database, 7_777, connection_id="con_2")
        health = await Health(it.database).last_day()
        assert (health["con_1"].calls, health["con_1"].failed, health["con_1"].p95) == (100, 0, 95)
        assert health["con_2"].p95 == 7_700
        assert health["con_1"].kinds[-1] == "up"
        last = health["con_1"].last_call
        assert last is not None
        assert clock.now() - last < timedelta(minutes=1)


async def test_failures_colour_the_hour(database_url: str) -> None:
    async with desk(database_url) as it:
        await calls(it.database, 1, 2, 3)
        await calls(it.database, 4, outcome="retry")
        await calls(it.database, 5, outcome="auth_failed", connection_id="con_2")
        await calls(it.database, 6, outcome="rejected", connection_id="con_3")
        counted = Health(it.database)
        while not (health := await counted.last_day())["con_1"].is_complete:
            await asyncio.sleep(0)
        assert [health[one].kinds[-1] for one in ("con_1", "con_2", "con_3")] == ["slow", "down", "up"]
        assert health["con_1"].words == "4 calls in 24 hours, 1 failed, in 1 of 24 hours"


async def test_hours_that_were_just_counted_are_remembered(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affluent.services.connections.hourly_counts._NEW_HOUR_FRESH_SECONDS", 60.0)
    async with desk(database_url) as it:
        health = Health(it.database)
        await calls(it.database, 1)
        while not (await health.last_day())["con_1"].is_complete:  # what is still being counted would see the next call
            await asyncio.sleep(0)
        assert (await health.last_day())["con_1"].calls == 1
        await calls(it.database, 2)
        assert (await health.last_day())["con_1"].calls == 1


async def test_hours_long_past_are_counted_anew_beside_the_answer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(database_url) as it:
        health = Health(it.database)
        while not (await health.last_day())["con_1"].is_complete:
            await asyncio.sleep(0)
        await calls(it.database, 1)
        monkeypatch.setattr("affluent.services.connections.hourly_counts._OLD_HOUR_FRESH_SECONDS", 0.0)
        assert (await health.last_day())["con_1"].calls == 0
        while not (await health.last_day())["con_1"].calls:
            await asyncio.sleep(0)


async def test_an_answer_does_not_wait_for_hours_that_take_long_to_count(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(database_url) as it:
        monkeypatch.setattr("affluent.services.connections.hourly_counts._PATIENCE_SECONDS", 0.0)
        await calls(it.database, 1)
        counted = Health(it.database)
        first = (await counted.last_day())["con_1"]
        assert (first.calls, first.is_complete) == (1, False)
        assert first.words == "Still being counted; look again in a moment"
        while not (health := (await counted.last_day())["con_1"]).is_complete:
            await asyncio.sleep(0)
        assert health.words == "1 call in 24 hours, none failed"


async def test_what_is_being_counted_is_given_up_when_the_store_is_closed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affluent.services.connections.hourly_counts._PATIENCE_SECONDS", 0.0)
    async with desk(database_url) as it:
        counted = Health(it.database)
        await counted.close()
        assert not (await counted.last_day())["con_1"].is_complete
        await counted.close()
        assert counted._hours._recount is not None
        assert counted._hours._recount.cancelled()
