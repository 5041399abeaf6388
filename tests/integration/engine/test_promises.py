"""What the engine promises, on both stores."""

from __future__ import annotations

import asyncio

from affluent.domain.event import Priority
from affluent.sdk import AlreadyApplied, AuthFailed, NotApplicable, OutcomeUnknown, Rejected, Unavailable
from affluent.services.runs.service import BulkAction, RunFilter
from affluent.store import tables
from tests.support.engine import Vendor, engine

PUT = {"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}
SECOND = {"id": "two", "app": "shop", "action": "put", "inputs": {"id": "{{ steps.one.receipt }}"}}
WRITE = {"id": "one", "app": "shop", "action": "write", "inputs": {"id": "{{ trigger.id }}"}}
BLIND = {"id": "one", "app": "shop", "action": "blind", "inputs": {"id": "{{ trigger.id }}"}}


async def test_an_event_runs_all_steps_and_the_journal_says_so(database_url):
    async with engine(database_url) as it:
        await it.flow(PUT, SECOND)
        (run_id,) = await it.accept("a")
        await it.settle()
        detail = await it.runs.get(run_id)
        assert detail.run.state == "succeeded"
        assert [(step.outcome, len(step.attempts)) for step in detail.steps] == [("applied", 1), ("applied", 1)]
        assert it.vendor.books == {"put:a": 1, "put:r-a": 1}
        assert [effect.fate for effect in detail.effects] == ["applied", "applied"]


async def test_one_event_delivered_a_hundred_times_in_parallel_has_one_effect(database_url):
    async with engine(database_url) as it:
        await it.flow(PUT)
        made = await asyncio.gather(*(it.accept("same") for _ in range(100)))
        await it.settle()
        assert sum(len(run_ids) for run_ids in made) == 1
        assert it.vendor.books == {"put:same": 1}


async def test_runs_of_one_account_go_one_after_another_in_event_order(database_url):
    async with engine(database_url, started=False) as it:
        await it.flow(PUT)
        await it.accept("third", account="ACC-1", minutes=3)
        await it.accept("first", account="ACC-1", minutes=1)
        await it.accept("second", account="ACC-1", minutes=2)
        await it.dispatcher.start()
        await it.settle()
        order = [call[1] for call in it.vendor.calls]
        assert order in (["third", "first", "second"], ["first", "second", "third"])
        assert len(await it.rows(tables.events)) == 3


async def test_a_backfill_that_stands_still_leaves_places_for_live_events(database_url):
    gate = asyncio.Event()

    async def stand_still(_action, sale_id):
        if sale_id.startswith("old"):
            await gate.wait()

    async with engine(database_url, Vendor(behave=stand_still), concurrency=8) as it:
        await it.flow(PUT)
        await it.accept(*(f"old-{number}" for number in range(100)), priority=Priority.BACKFILL)
        async with asyncio.timeout(5):
            while len(it.vendor.calls) < 4:
                await asyncio.sleep(0.005)
        await it.accept(*(f"new-{number}" for number in range(20)))
        async with asyncio.timeout(5):
            while len(it.vendor.books) < 20:
                await asyncio.sleep(0.005)
        assert [name for _, name in it.vendor.calls[:4]] == ["old-0", "old-1", "old-2", "old-3"]
        assert all(name.startswith("new") for _, name in it.vendor.calls[4:])
        gate.set()
        await it.settle()
        assert len(it.vendor.books) == 120


async def test_a_failed_run_does_not_block_the_next_of_its_account(database_url):
    async def refuse(_action, sale_id):
        if sale_id == "bad":
            raise Rejected("No.")

    async with engine(database_url, Vendor(behave=refuse)) as it:
        await it.flow(PUT)
        await it.accept("bad", "good", account="ACC-1")
        await it.settle()
        assert it.vendor.books == {"put:good": 1}
        assert await it.count("failed") == 1


async def test_a_vendor_that_is_down_is_tried_again_until_it_answers(database_url):
    down = ["down"] * 2

    async def behave(_action, _sale_id):
        if down:
            down.pop()
            raise Unavailable("Down.")

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT)
        (run_id,) = await it.accept("a")
        await it.settle_all()
        detail = await it.runs.get(run_id)
        assert detail.run.state == "succeeded"
        assert [attempt.outcome for attempt in detail.steps[0].attempts] == ["retry", "retry", "applied"]


async def test_a_write_whose_answer_was_lost_is_looked_up_and_not_repeated(database_url):
    lost = ["lost"]

    async def after(_action, _sale_id):
        if lost:
            lost.pop()
            raise OutcomeUnknown("The answer was lost.")

    async with engine(database_url, Vendor(after=after)) as it:
        await it.flow(WRITE)
        (run_id,) = await it.accept("a")
        await it.settle_all()
        detail = await it.runs.get(run_id)
        assert it.vendor.books == {"write:a": 1}
        assert detail.run.state == "succeeded"
        assert detail.steps[0].outcome == "already_applied"


async def test_a_write_that_cannot_be_looked_up_ends_as_unknown(database_url):
    async def after(_action, _sale_id):
        raise OutcomeUnknown("The answer was lost.")

    async with engine(database_url, Vendor(after=after)) as it:
        await it.flow(BLIND)
        (run_id,) = await it.accept("a")
        await it.settle_all()
        detail = await it.runs.get(run_id)
        assert detail.run.state == "unknown"
        assert [effect.fate for effect in detail.effects] == ["unknown"]
        assert it.vendor.books == {"blind:a": 1}


async def test_a_refused_key_pauses_the_runs_of_the_connection(database_url):
    async def behave(_action, _sale_id):
        raise AuthFailed("Wrong key.")

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT)
        await it.accept("a")
        await it.settle()
        await it.accept("b")
        await it.settle()
        assert await it.count("paused") == 2
        assert len(it.vendor.calls) == 1
        (connection,) = await it.rows(tables.connections)
        assert (connection.status, connection.status_reason) == ("needs_attention", "Wrong key.")


async def test_normal_outcomes_are_not_errors(database_url):
    async def behave(_action, sale_id):
        if sale_id == "unknown-buyer":
            raise NotApplicable("Not referred.")
        raise AlreadyApplied(output={"receipt": "r-old"})

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT)
        skipped, done = await it.accept("unknown-buyer", "again")
        await it.settle()
        assert ((await it.run(skipped)).state, (await it.run(skipped)).sentence) == ("skipped", "Not referred.")
        assert (await it.run(done)).state == "succeeded"


async def test_a_replay_repeats_nothing_that_was_applied(database_url):
    async with engine(database_url) as it:
        await it.flow(PUT, SECOND)
        (run_id,) = await it.accept("a")
        await it.settle()
        again = await it.runs.replay(run_id)
        await it.settle()
        detail = await it.runs.get(again.id)
        assert [step.outcome for step in detail.steps] == ["already_applied", "already_applied"]
        assert it.vendor.books == {"put:a": 1, "put:r-a": 1}


async def test_resume_continues_from_the_step_that_failed(database_url):
    broken = ["broken"]

    async def behave(_action, sale_id):
        if sale_id == "r-a" and broken:
            raise Rejected("Not active.")

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT, SECOND)
        (run_id,) = await it.accept("a")
        await it.settle()
        assert (await it.run(run_id)).state == "failed"
        broken.clear()
        forecast = await it.runs.forecast(RunFilter(states=("failed",)), BulkAction.RESUME)
        assert (forecast.runs, forecast.would_send) == (1, 1)
        assert await it.runs.bulk(RunFilter(states=("failed",)), BulkAction.RESUME) == 1
        await it.settle()
        assert (await it.run(run_id)).state == "succeeded"
        assert it.vendor.books == {"put:a": 1, "put:r-a": 1}


async def test_a_run_that_was_claimed_when_the_process_died_is_finished_after_the_next_start(database_url):
    stuck = asyncio.Event()

    async def behave(_action, _sale_id):
        await stuck.wait()

    vendor = Vendor(behave=behave)
    async with engine(database_url, vendor) as it:
        await it.flow(PUT)
        await it.accept("a")
        while not vendor.calls:
            await asyncio.sleep(0.005)
    vendor.behave = None
    async with engine(database_url, vendor, fresh=False) as it:
        await it.settle()
        assert await it.count("succeeded") == 1
        assert vendor.books == {"put:a": 1}
