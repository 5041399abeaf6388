"""Runs that meet: at one effect, on one account, under one person's hand; on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from affluent.domain.run import Fate
from affluent.engine import effects, leases
from affluent.kit import clock
from affluent.sdk import OutcomeUnknown, Rejected, Retry
from affluent.services.runs.service import BulkAction, RunFilter
from affluent.store import tables
from tests.support.engine import Vendor, engine

PUT = {"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}
SECOND = {"id": "two", "app": "shop", "action": "put", "inputs": {"id": "{{ steps.one.receipt }}"}}
WRITE = {"id": "one", "app": "shop", "action": "write", "inputs": {"id": "{{ trigger.id }}"}}
KEYED = {"id": "one", "app": "shop", "action": "keyed", "inputs": {"id": "same"}}


async def test_two_replays_of_a_refused_write_send_it_once(database_url):
    refused = ["refused"]

    async def behave(_action, _sale_id):
        if refused:
            refused.pop()
            raise Rejected("No.")
        await asyncio.sleep(0.05)

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(WRITE)
        (run_id,) = await it.accept("a")
        await it.settle()
        await asyncio.gather(*(it.runs.replay(run_id) for _ in range(5)))
        await it.settle_all()
        assert it.vendor.books == {"write:a": 1}
        assert await it.count("succeeded") == 5


async def test_two_intents_of_one_commit_have_one_owner(database_url):
    async with engine(database_url, started=False) as it:
        await it.flow(KEYED)
        first, second = await it.accept("a", "b")
        await it.database.write(lambda c: c.execute(tables.runs.update().values(state="running", lease=1)).rowcount)
        row = {
            "key": "k", "app": "shop", "action": "keyed", "connection_id": "", "kind": "write", "fate": "intended", "sent": True,
            "position": 0, "event_id": "e", "account_id": "", "amount_minor": None, "currency": None, "input": None, "output": None,
            "sentence": "", "created_at": 1, "updated_at": 1, "tells": "", "sale_id": "", "answers_to": "",
        }  # fmt: skip
        both = [effects.Intent(row=row | {"run_id": run_id}, lease=1) for run_id in (first, second)]
        standings = await it.database.write(lambda c: effects.intend(c, both))
        again = await it.database.write(lambda c: effects.intend(c, both))
        lost = await it.database.write(lambda c: effects.intend(c, [effects.Intent(row=both[0].row, lease=7)]))
    assert [(standing.is_new, standing.owner_is_busy) for standing in standings] == [(True, False), (False, True)]
    assert again[0].is_new  # an intent whose commit had no answer is written again
    assert again[1].owner_is_busy
    assert not lost[0].is_mine


async def test_of_two_runs_at_one_effect_its_owner_goes_on_in_whatever_order_they_come(database_url):
    async with engine(database_url, started=False) as it:
        await it.flow(KEYED)
        owner, other = await it.accept("a", "b")
        await it.database.write(lambda c: c.execute(tables.runs.update().values(state="running", lease=1)).rowcount)
        row = {
            "key": "k", "app": "shop", "action": "keyed", "connection_id": "", "kind": "write", "fate": "intended", "sent": True,
            "position": 0, "event_id": "e", "account_id": "", "amount_minor": None, "currency": None, "input": None, "output": None,
            "sentence": "", "created_at": 1, "updated_at": 1, "tells": "", "sale_id": "", "answers_to": "",
        }  # fmt: skip
        await it.database.write(lambda c: effects.intend(c, [effects.Intent(row=row | {"run_id": owner}, lease=1)]))
        both = [effects.Intent(row=row | {"run_id": run_id, "created_at": 2}, lease=1) for run_id in (other, owner)]
        standings = await it.database.write(lambda c: effects.intend(c, both))
        reversed_ = await it.database.write(lambda c: effects.intend(c, both[::-1]))
    assert [standing.owner_is_busy for standing in standings] == [True, False]
    assert [standing.owner_is_busy for standing in reversed_] == [False, True]


async def test_a_resumed_run_and_its_waiting_replay_do_not_wait_for_each_other(database_url):
    broken = ["first", "replay"]

    async def behave(_action, _sale_id):
        if broken:
            if broken.pop() == "replay":
                raise Rejected("No.")
            raise Retry("Later.", retry_after=timedelta(milliseconds=300))

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(WRITE)
        (run_id,) = await it.accept("a", account="ACC-1")
        await it.settle()
        await it.runs.replay(run_id)
        await it.settle()
        await it.runs.resume(run_id)
        await it.settle_all()
        assert it.vendor.books == {"write:a": 1}
        assert await it.count("succeeded") == 2


async def test_an_answer_that_cannot_be_read_leaves_a_write_in_doubt_until_it_is_looked_up(database_url):
    garbled = ["garbled"]

    async def after(_action, _sale_id):
        if garbled:
            garbled.pop()
            raise OutcomeUnknown("The answer could not be read.")

    async with engine(database_url, Vendor(after=after)) as it:
        await it.flow(WRITE)
        await it.accept("a")
        await it.settle_all()
        (effect,) = await it.rows(tables.effects)
        assert (effect.fate, bool(effect.sent)) == (Fate.ALREADY_APPLIED.value, False)
        assert it.vendor.books == {"write:a": 1}


async def test_a_write_whose_sender_died_is_sent_again_only_when_the_vendor_must_have_finished(tmp_path):
    asked = asyncio.Event()

    async def behave(_action, _sale_id):
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()  # on its way when the process dies

    async def nothing(_claimed):
        return None

    def take(connection):
        leases.wake_waiting(connection)
        return leases.due(connection, count=1, lowest_priority=10)

    shifts = []

    async def later(seconds):
        shifts.append(timedelta(seconds=seconds))
        clock.shift(shifts[-1])
        (run,) = await it.database.write(take)
        await it.executor.execute(run)

    async with engine(f"sqlite:///{tmp_path / 'affluent.db'}", Vendor(behave=behave), started=False) as it:
        await it.flow(WRITE)
        (run_id,) = await it.accept("a")
        (run,) = await it.database.write(take)
        dying = asyncio.ensure_future(it.executor.execute(run))
        await asked.wait()
        it.executor._hand_back = nothing
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        del it.executor._hand_back
        await it.database.write(leases.take_over)
        try:
            await later(11)  # settled, but the vendor may still be at it
            early = list(it.vendor.calls), (await it.run(run_id)).state
            await later(30)
        finally:
            for shift in shifts:
                clock.shift(-shift)
        assert early == ([("write", "a")], "waiting")
        assert it.vendor.calls == [("write", "a")] * 2
        assert it.vendor.books == {"write:a": 1}


async def test_a_run_cancelled_while_it_executes_does_not_wait_for_its_next_try(database_url):
    asked = asyncio.Event()

    async def behave(_action, _sale_id):
        asked.set()
        await asyncio.sleep(0.2)
        raise Retry("Later.", retry_after=timedelta(hours=1))

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT)
        (run_id,) = await it.accept("a", account="ACC-1")
        await asked.wait()
        await it.runs.cancel(run_id)
        await it.settle()
        assert (await it.run(run_id)).state == "cancelled"


async def test_a_forecast_counts_what_a_replay_and_a_resume_would_send(database_url):
    async def behave(_action, sale_id):
        if sale_id == "r-bad":
            raise Rejected("No.")

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(PUT, SECOND)
        await it.accept("good", "bad")
        await it.settle()
        replay = await it.runs.forecast(RunFilter(), BulkAction.REPLAY)
        resume = await it.runs.forecast(RunFilter(), BulkAction.RESUME)
        cancel = await it.runs.forecast(RunFilter(), BulkAction.CANCEL)
        assert (replay.runs, replay.would_send, replay.already_applied) == (2, 1, 1)
        assert (resume.runs, resume.would_send, resume.not_possible) == (1, 1, 1)
        assert (cancel.runs, cancel.would_send, cancel.not_possible) == (0, 0, 2)
        assert await it.runs.bulk(RunFilter(), BulkAction.REPLAY) == 2
        await it.settle()
        again = await it.runs.forecast(RunFilter(), BulkAction.REPLAY)
        assert (again.runs, again.would_send) == (4, 1)  # two runs of one event send once


async def test_a_clock_that_steps_back_an_hour_delays_no_retry(tmp_path):
    failing = ["once"]

    async def behave(_action, _sale_id):
        if failing:
            failing.pop()
            raise Retry("Later.", retry_after=timedelta(seconds=1))

    async with engine(f"sqlite:///{tmp_path / 'affluent.db'}", Vendor(behave=behave)) as it:
        await it.flow(PUT)
        clock.shift(timedelta(hours=1))
        try:
            await it.accept("a")
            await it.settle()
        finally:
            clock.shift(-timedelta(hours=1))
        await it.settle_all()
        assert await it.count("succeeded") == 1


async def test_the_same_flow_has_byte_identical_effects_on_both_stores(tmp_path, postgresql_url):
    async def happened(url):
        async with engine(url) as it:
            await it.flow(PUT, SECOND)
            await it.accept("a", "b\u0000\u00e9\u2713", account="ACC-1")
            await it.settle()
            rows = sorted(await it.rows(tables.effects), key=lambda row: repr(row.input))
            steps = sorted(await it.rows(tables.step_runs), key=lambda row: repr(row.input))
            kept = ("app", "action", "kind", "fate", "sent", "position", "account_id", "input", "output", "sentence")
            return (
                [repr([getattr(row, name) for name in kept]).encode() for row in rows],
                [repr([row.step_id, row.outcome, row.input, row.output, row.sentence]).encode() for row in steps],
                it.vendor.calls,
            )

    assert await happened(f"sqlite:///{tmp_path / 'affluent.db'}") == await happened(postgresql_url)
