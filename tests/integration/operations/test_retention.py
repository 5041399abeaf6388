"""Old answers are forgotten, and only those of runs that ended well."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.services.retention import forget_answers
from affluent.store import schema, tables
from affluent.store.database import Database
from affluent.store.open import open_database

STATES = ("succeeded", "skipped", "cancelled", "failed", "unknown", "paused", "waiting", "queued", "running")
UNFINISHED = STATES[5:]
NOW = clock.now()


@pytest.fixture
async def database(database_url: str, tmp_path: Path):
    opened = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(opened)
    await opened.open()
    yield opened
    await opened.close()


def run_of(state: str, days: int) -> str:
    """The id of a run of that state and age."""
    return f"{first_id('run', NOW - timedelta(days=days))[:-4]}{STATES.index(state):04}"


def fill(connection: Connection) -> None:
    for days in (1, 100):
        for state in STATES:
            run_id, now = run_of(state, days), clock.now() - timedelta(days=days)
            values: dict[str, Any] = {
                "id": run_id, "event_id": "evt_1", "flow_id": "flo_1", "flow_version": 1, "flow_connection_id": "fco_1",
                "state": state, "ready": False, "priority": 0, "rank": 1, "ordering_key": run_id, "event_at": now,
                "due_at": now, "lease": 1, "position": 0, "tries": 0, "account_id": "", "title": "", "cancel": False,
                "sentence": "", "cause": "", "waits_for": "", "created_at": now,
                "finished_at": None if state in UNFINISHED else now,
            }  # fmt: skip
            connection.execute(insert(tables.runs).values(**values))
            attempt = {"run_id": run_id, "position": 0, "number": 1, "started_at": now, "milliseconds": 1}
            connection.execute(
                insert(tables.attempts).values(**attempt, outcome="read", status=200, sentence="", exchanges=[])
            )


async def test_only_old_answers_of_runs_that_ended_well_are_forgotten(database: Database) -> None:
    await database.write(fill)
    before = await database.read(lambda c: c.execute(select(tables.runs.c.id)).all())
    assert await forget_answers(database, timedelta(days=90)) == 3
    kept = {row[0] for row in await database.read(lambda c: c.execute(select(tables.attempts.c.run_id)).all())}
    assert kept == {run_of(state, 1) for state in STATES} | {run_of(state, 100) for state in STATES[3:]}
    assert await database.read(lambda c: c.execute(select(tables.runs.c.id)).all()) == before
    assert await forget_answers(database, timedelta(days=90)) == 0
