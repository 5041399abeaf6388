"""Events and effects by the hour, on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from affluent.kit import clock
from affluent.kit.ids import first_id, new_id
from affluent.services.runs.activity_statistics import HOURS, ActivityStatistics, Hour
from affluent.store import tables
from tests.integration.services.desk import desk


def event(hours_ago: int) -> dict[str, Any]:
    """An event of an hour."""
    at = clock.now() - timedelta(hours=hours_ago)
    event_id = first_id("evt", at)[:-8] + new_id("evt")[-8:]
    return {
        "id": event_id, "source": "workspace", "external_id": event_id, "app": "togai", "type": "invoice.paid",
        "account_id": "", "customer_id": "", "title": "", "occurred_at": at, "received_at": at, "payload": "{}",
    }  # fmt: skip


def effect(hours_ago: int, fate: str) -> dict[str, Any]:
    """An effect of an hour."""
    at = clock.now() - timedelta(hours=hours_ago)
    return {
        "key": new_id("key"), "app": "shop", "action": "order", "connection_id": "con_1", "kind": "write", "fate": fate,
        "sent": True, "run_id": first_id("run", at), "position": 0, "event_id": "evt_1", "account_id": "",
        "sentence": "", "created_at": at, "updated_at": at,
    }  # fmt: skip


async def counted(pulse: ActivityStatistics) -> tuple[Hour, ...]:
    """The day when all of its hours are counted."""
    while not all(hour.is_counted for hour in await pulse.last_day()):
        await asyncio.sleep(0)
    return await pulse.last_day()


async def test_an_answer_does_not_wait_for_hours_that_take_long_to_count(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(database_url) as it:
        monkeypatch.setattr("affluent.services.connections.hourly_counts._PATIENCE_SECONDS", 0.0)
        await it.database.write(lambda c: c.execute(insert(tables.events), [event(0), event(5)]))
        pulse = ActivityStatistics(it.database)
        first = await pulse.last_day()
        assert [hour.events for hour in first if hour.is_counted] == [0, 1]
        assert sum(hour.events for hour in await counted(pulse)) == 2


async def test_the_last_day_is_counted_by_the_hour(database_url: str) -> None:
    async with desk(database_url) as it:

        def fill(connection: Connection) -> None:
            connection.execute(insert(tables.events), [event(ago) for ago in (0, 2, 2, 30)])
            fates = [(0, "applied"), (2, "already_applied"), (2, "unknown"), (2, "intended"), (30, "applied")]
            connection.execute(insert(tables.effects), [effect(ago, fate) for ago, fate in fates])

        await it.database.write(fill)
        day = await counted(ActivityStatistics(it.database))
    assert len(day) == HOURS
    assert [(hour.events, hour.applied, hour.refused) for hour in (day[-1], day[-2], day[-3])] == [
        (1, 1, 0),
        (0, 0, 0),
        (2, 1, 1),
    ]
    assert sum(hour.events for hour in day) == 3


async def test_an_hour_that_has_ended_is_not_counted_again_at_once(database_url: str) -> None:
    async with desk(database_url) as it:
        pulse = ActivityStatistics(it.database)
        await counted(pulse)
        await it.database.write(lambda c: c.execute(insert(tables.events), [event(2)]))
        assert sum(hour.events for hour in await pulse.last_day()) == 0
        assert sum(hour.events for hour in await counted(ActivityStatistics(it.database))) == 1
