"""Delay and Filter in the engine, on both stores."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from affluent.apps.flow_control.app import app as flow_control
from affluent.kit import clock
from affluent.store import tables
from tests.support.engine import engine

DELAY = {"id": "pause", "app": "flow_control", "action": "delay", "inputs": {"days": 3}}
BLINK = {"id": "pause", "app": "flow_control", "action": "delay", "inputs": {"seconds": 1}}
FILTER = {
    "id": "only",
    "app": "flow_control",
    "action": "filter",
    "inputs": {"keep": "{{ trigger.amount == '1.00' }}", "reason": "Not worth it."},
}
PUT = {"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}


def with_flow_control(it):
    """Install the app."""
    it.plans._apps["flow_control"] = flow_control


async def test_a_delayed_run_waits_in_the_database_and_goes_on_when_its_time_has_come(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(BLINK, PUT)
        (run_id,) = await it.accept("a")
        await it.settle_all()
        run = await it.run(run_id)
        assert (run.state, run.tries, run.first_failed_at) == ("succeeded", 0, None)
        steps = {row.step_id: row for row in await it.rows(tables.step_runs)}
        assert steps["pause"].finished_at - steps["pause"].started_at >= timedelta(seconds=1)
        assert it.vendor.books == {"put:a": 1}


async def test_a_long_delay_says_until_when_and_is_no_failure(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(DELAY, PUT)
        (run_id,) = await it.accept("a", account="ACC-1")
        await it.settle()
        run = await it.run(run_id)
        assert (run.state, run.cause, run.tries) == ("waiting", "", 0)
        assert run.sentence.startswith("Waits until ")
        assert timedelta(days=2, hours=23) < run.due_at - clock.now() <= timedelta(days=3)
        assert await it.rows(tables.attempts) == []


async def test_a_delay_goes_on_counting_over_a_restart(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(DELAY, PUT)
        (run_id,) = await it.accept("a")
        await it.settle()
    async with engine(database_url, it.vendor, fresh=False) as again:
        with_flow_control(again)
        began = clock.now() - timedelta(days=4)
        mine = tables.step_runs.c.run_id == run_id
        await again.database.write(lambda c: c.execute(update(tables.step_runs).where(mine).values(started_at=began)))
        await again.runs.resume(run_id)
        await again.settle_all()
        assert (await again.run(run_id)).state == "succeeded"


async def test_events_of_the_same_account_do_not_wait_behind_a_delay(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(DELAY, PUT, name="Slow flow")
        await it.flow(PUT, name="Quick flow")
        first = await it.accept("a", account="ACC-1")
        second = await it.accept("b", account="ACC-1")
        await it.settle()
        states = [(await it.run(run_id)).state for run_id in (*first, *second)]
        assert sorted(states) == ["succeeded", "succeeded", "waiting", "waiting"]
        assert it.vendor.books == {"put:a": 1, "put:b": 1}


async def test_a_delayed_run_can_be_cancelled(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(DELAY, PUT)
        (run_id,) = await it.accept("a", account="ACC-1")
        await it.settle()
        await it.runs.cancel(run_id)
        assert (await it.run(run_id)).state == "cancelled"


async def test_a_filter_ends_the_run_as_skipped_with_its_reason(database_url):
    async with engine(database_url) as it:
        with_flow_control(it)
        await it.flow(FILTER, PUT)
        (run_id,) = await it.accept("a")
        await it.settle()
        run = await it.run(run_id)
        assert (run.state, run.sentence) == ("skipped", "Not worth it.")
        assert it.vendor.books == {}
