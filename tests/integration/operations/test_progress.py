"""Liveness measures progress: it fails when due runs do not move, and only then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from affluent.cli.main import app
from affluent.engine.limits import Limiter
from affluent.kit import clock
from affluent.sdk import Limit
from affluent.services.operations.progress import Progress, patience, stalled
from affluent.store import progress as store
from affluent.store import tables
from tests.integration.operations.test_alerts import Channel, alerting
from tests.integration.security.callers import callers
from tests.integration.services.desk import Desk, desk
from tests.support.engine import engine

STEP = {"id": "a", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        yield opened


async def run_that_is(here: Any, state: str, *, due: timedelta, ready: bool = True) -> None:
    """A run in a state, due so long from now."""
    run_id = await here.paused_run("con_x", ready=ready)
    query = update(tables.runs).where(tables.runs.c.id == run_id).values(state=state, due_at=clock.now() + due)
    await here.database.write(lambda connection: connection.execute(query))


async def moved(here: Any, ago: timedelta) -> None:
    at = clock.now() - ago
    await here.database.write(lambda connection: store.note(connection, at))


async def since(here: Any) -> datetime | None:
    stall = await here.database.read(stalled)
    return stall.since if stall else None


@pytest.mark.parametrize("state", ["queued", "waiting"])
async def test_a_due_run_and_none_that_moved_for_a_minute_is_a_stall(here: Desk, state: str) -> None:
    await run_that_is(here, state, due=-2 * MINUTE)
    await moved(here, 3 * MINUTE)
    assert await since(here) is not None
    await moved(here, timedelta())
    assert await since(here) is None


async def test_a_hub_in_which_nothing_ever_moved_stalls_as_well(here: Desk) -> None:
    await run_that_is(here, "queued", due=-2 * MINUTE)
    assert await since(here) is not None


@pytest.mark.parametrize(
    ("state", "due", "ready"),
    [
        ("queued", -timedelta(seconds=30), True),
        ("queued", -5 * MINUTE, False),
        ("waiting", timedelta(hours=3), True),
        ("paused", -5 * MINUTE, True),
        ("running", -5 * MINUTE, True),
    ],
    ids=[
        "just due",
        "behind another of its account",
        "waits for a limit or a retry",
        "waits for its connection",
        "executing",
    ],
)
async def test_what_is_not_due_for_a_minute_is_no_stall(here: Desk, state: str, due: timedelta, *, ready: bool) -> None:
    await run_that_is(here, state, due=due, ready=ready)
    await moved(here, timedelta(hours=1))
    assert await since(here) is None


async def test_a_clock_that_stepped_back_hides_no_stall(here: Desk) -> None:
    await run_that_is(here, "queued", due=-2 * MINUTE)
    await moved(here, -timedelta(hours=1))
    assert await since(here) is not None


async def test_whoever_records_a_run_counts_as_progress_in_every_process(database_url: str) -> None:
    async with engine(database_url) as made:
        at_work, elsewhere = (
            Progress(made.database, patience=timedelta(), waits_for_slot=lambda: False) for _ in range(2)
        )
        made.journal._moved = at_work.moved
        await made.flow(STEP)
        await made.accept("one")
        await made.settle()
        await at_work.note()
        assert await made.database.read(store.last_moved) == at_work._moved_at > elsewhere._moved_at


async def test_a_call_that_waits_for_its_slot_counts_as_progress(here: Desk) -> None:
    limiter, limit = Limiter(), Limit(requests=1, per_seconds=3600)
    progress = Progress(here.database, patience=MINUTE, waits_for_slot=lambda: limiter.is_waited_for)
    await limiter.acquire("con_x", limit, 0)
    await progress.note()
    assert await here.database.read(store.last_moved) is None

    waiting = asyncio.create_task(limiter.acquire("con_x", limit, 0))
    await asyncio.sleep(0)
    await progress.note()
    waiting.cancel()
    assert await here.database.read(store.last_moved) is not None


@pytest.mark.parametrize(("seconds", "minutes"), [(5, 1), (30, 1), (300, 10)])
def test_a_vendor_that_may_take_long_is_given_its_time(seconds: int, minutes: int) -> None:
    assert patience(seconds) == minutes * MINUTE


async def test_an_alert_goes_out_once(here: Desk) -> None:
    channel = Channel()
    async with alerting(here, channel) as alerts:
        await run_that_is(here, "queued", due=-3 * MINUTE)
        await moved(here, 3 * MINUTE)
        assert [await alerts.sweep(), await alerts.sweep()] == [1, 0]
        assert "none has moved for 3 minutes" in channel.messages[0]


async def test_readiness_fails_while_runs_stall_and_liveness_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with callers(tmp_path) as it:
        monkeypatch.setattr(it.hub.progress, "_moved_at", clock.now() - 5 * MINUTE)
        assert (await it.call("GET /readyz")).status == 200
        await it.hub.database.write(_due_run)
        ready = await it.call("GET /readyz")
        assert (ready.status, json.loads(ready.body)["status"]) == (503, "stalled")
        assert (await it.call("GET /healthz")).status == 200
        assert b"affluent_stalled_seconds 0.0" not in await it.hub.metrics.text()
        it.hub.progress.moved()
        assert (await it.call("GET /readyz")).status == 200


def test_doctor_says_that_runs_stall_and_what_to_do(tmp_path: Path) -> None:
    asyncio.run(_installation_with_a_due_run(tmp_path))
    done = CliRunner().invoke(app, ["doctor", "--json", "--offline", "--data-dir", str(tmp_path)])
    finding = {each["about"]: each for each in json.loads(done.output)}["Runs"]
    assert (done.exit_code, finding["state"]) == (1, "trouble")
    assert "affluent worker" in finding["remedy"]


async def _installation_with_a_due_run(folder: Path) -> None:
    async with callers(folder) as it:
        await it.hub.database.write(_due_run)


def _due_run(connection: Any) -> None:
    now = clock.now()
    values = {
        "id": "run_1", "event_id": "evt_1", "flow_id": "flo_1", "flow_version": 1, "flow_connection_id": "fco_1", "state": "queued",
        "ready": True, "priority": 0, "rank": 1, "ordering_key": "run_1", "event_at": now, "due_at": now - 5 * MINUTE, "lease": 1,
        "position": 0, "tries": 0, "account_id": "", "title": "", "cancel": False, "sentence": "", "cause": "", "waits_for": "",
        "created_at": now,
    }  # fmt: skip
    connection.execute(tables.runs.insert().values(**values))
