"""A write whose answer was lost is repeated only as long as its vendor knows the key, and a key stands for one effect."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Text, type_coerce

from affluent.engine import effects, leases
from affluent.kit import clock
from affluent.sdk import Rejected
from affluent.store import connections, tables
from tests.support.engine import Vendor, engine

HOUR, DAY = timedelta(hours=1), timedelta(hours=25)
OK, BROKEN, LOST, SLOW = 200, 500, 0, -1


def step(action, **inputs):
    return {"id": "one", "app": "shop", "action": action, "inputs": {"id": "{{ trigger.id }}", **inputs}}


@asynccontextmanager
async def server(answers):
    """A vendor over HTTP that answers as told, one answer a request; yields its address and the keys it was sent."""
    keys, asked = [], asyncio.Event()

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        keys.append(next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Idempotency-Key")))
        asked.set()
        status = answers.pop(0)
        if status == SLOW:
            await reader.read()
        if status > 0:
            writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}/", keys, asked
    finally:
        listening.close()


@asynccontextmanager
async def later(by):
    clock.shift(by)
    try:
        yield
    finally:
        clock.shift(-by)


def take(connection):
    leases.wake_waiting(connection)
    return leases.due(connection, count=1, lowest_priority=10)


async def execute(it):
    (run,) = await it.database.write(take)
    await it.executor.execute(run)


async def tried_again(tmp_path, action, answers, *, after):
    """Try, and once more after a time; returns the run and the keys that were sent."""
    async with server(answers) as (url, keys, _), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        await it.flow(step(action))
        (run_id,) = await it.accept("a")
        await execute(it)
        async with later(after):
            await execute(it)
        return await it.run(run_id), keys


def _url(tmp_path):
    return f"sqlite:///{tmp_path / 'affluent.db'}"


@pytest.mark.parametrize("first", [BROKEN, LOST])
async def test_a_lost_answer_is_asked_for_again_under_the_same_key_while_the_vendor_knows_it(tmp_path, first):
    run, keys = await tried_again(tmp_path, "post", [first, OK], after=HOUR)
    assert run.state == "succeeded"
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize("first", [BROKEN, LOST])
async def test_a_lost_answer_is_not_asked_for_again_when_the_vendor_may_have_forgotten_the_key(tmp_path, first):
    run, keys = await tried_again(tmp_path, "post", [first, OK], after=DAY)
    assert run.state == "unknown"
    assert "knows a key for 24 hours" in run.sentence
    assert len(keys) == 1


async def test_a_key_that_is_a_record_of_the_vendor_lasts_for_ever(tmp_path):
    run, keys = await tried_again(tmp_path, "post_lasting", [LOST, OK], after=DAY)
    assert run.state == "succeeded"
    assert len(keys) == 2


async def test_what_was_refused_is_not_in_doubt_however_late_it_is_sent_again(tmp_path):
    run, keys = await tried_again(tmp_path, "post", [429, OK], after=DAY)
    assert run.state == "succeeded"
    assert len(keys) == 2


async def test_a_vendor_that_forgot_the_key_is_asked_whether_it_has_the_effect(tmp_path):
    async with server([LOST]) as (url, keys, _), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        it.vendor.books["write:a"] = 1
        await it.flow(step("post_found"))
        (run_id,) = await it.accept("a")
        await execute(it)
        async with later(DAY):
            await execute(it)
        assert (await it.run(run_id)).state == "succeeded"
        assert len(keys) == 1


async def test_a_refusal_between_leaves_an_older_doubt_as_old_as_it_is(tmp_path):
    async with server([LOST, 429, OK]) as (url, keys, _), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        await it.flow(step("post"))
        (run_id,) = await it.accept("a")
        await execute(it)
        async with later(HOUR):
            await execute(it)
        async with later(DAY):
            await execute(it)
        assert (await it.run(run_id)).state == "unknown"
        assert len(keys) == 2


async def test_a_vendor_that_repeats_its_failures_is_not_asked_to(tmp_path):
    async with server([BROKEN, OK]) as (url, keys, _), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        await it.flow(step("post_kept"))
        (run_id,) = await it.accept("a")
        await execute(it)
        first = await it.run(run_id)
        await it.runs.resume(run_id)
        await execute(it)
        second = await it.run(run_id)
        assert (first.state, second.state) == ("unknown", "unknown")
        assert "would repeat the failure" in second.sentence
        assert len(keys) == 1


@pytest.mark.parametrize(("after", "state", "sent"), [(HOUR, "succeeded", 2), (DAY, "unknown", 1)])
async def test_a_first_try_that_was_cut_off_is_repeated_only_while_its_key_is_known(tmp_path, after, state, sent):
    async def nothing(_claimed):
        return None

    async with server([SLOW, OK]) as (url, keys, asked), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        await it.flow(step("post"))
        (run_id,) = await it.accept("a")
        (run,) = await it.database.write(take)
        dying = asyncio.ensure_future(it.executor.execute(run))
        await asked.wait()
        it.executor._hand_back = nothing
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        del it.executor._hand_back
        await it.database.write(leases.take_over)
        async with later(after):
            await execute(it)
        assert (await it.run(run_id)).state == state
        assert len(keys) == sent


async def test_a_run_that_waited_for_its_connection_for_days_has_sent_nothing_and_sends_it(tmp_path):
    def status(value):
        return lambda c: c.execute(tables.connections.update().values(status=value)).rowcount

    async with server([OK]) as (url, keys, _), engine(_url(tmp_path), Vendor(url=url), started=False) as it:
        await it.flow(step("post"))
        (run_id,) = await it.accept("a")
        await it.database.write(status("needs_attention"))
        await execute(it)
        assert (await it.run(run_id)).state == "paused"
        async with later(DAY):
            await it.database.write(status("active"))
            await it.database.write(lambda c: connections.release_paused(c, it.connection_id, clock.now()))
            it.plans.forget()
            await execute(it)
        assert (await it.run(run_id)).state == "succeeded"
        assert len(keys) == 1


OTHERS = {"amount": {"amount": 2}, "currency": {"currency": "EUR"}, "owner": {"owner": "ACC-2"}}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_a_known_key_with_another_customer_or_other_money_fails_and_shows_both(database_url, other):
    first = {"id": "same", "amount": 1, "currency": "USD", "owner": "ACC-1"}
    async with engine(database_url) as it:
        await it.flow(step("keyed", **first))
        await it.flow(step("keyed", **{**first, **other}), name="Other")
        (one, two) = await it.accept("a")
        await it.settle_all()
        runs = {run.state: run for run in (await it.run(one), await it.run(two))}
        (effect,) = await it.rows(tables.effects)
        assert set(runs) == {"succeeded", "failed"}
        assert runs["failed"].cause == "key_taken"
        assert runs["succeeded"].id in runs["failed"].sentence
        assert "differs from" in runs["failed"].sentence
        assert "'same'" in runs["failed"].sentence
        assert (effect.run_id, effect.fate) == (runs["succeeded"].id, "applied")
        assert it.vendor.books == {"keyed:same": 1}


REPEATS = {
    "another text": {"note": "new text"},
    "another address of the same owner": {"email": "other@example.com"},
    "the same currency in small letters": {"currency": "usd"},
    "an address in other letters": {"owner": "", "email": "A@Example.com"},
}


@pytest.mark.parametrize("other", REPEATS.values(), ids=REPEATS)
async def test_a_repeat_of_the_same_money_of_the_same_customer_is_done(database_url, other):
    first = {"id": "same", "amount": 1, "currency": "USD", "owner": "ACC-1", "email": "a@example.com", "note": "text"}
    async with engine(database_url) as it:
        await it.flow(step("keyed", **first))
        await it.flow(step("keyed", **{**first, **other}), name="Other")
        await it.accept("a")
        await it.settle_all()
        assert await it.count("succeeded") == 2
        assert it.vendor.books == {"keyed:same": 1}


async def test_what_was_refused_under_a_key_may_be_sent_corrected(database_url):
    refused = ["refused"]

    async def behave(_action, _sale_id):
        if refused:
            refused.pop()
            raise Rejected("No.")

    async with engine(database_url, Vendor(behave=behave)) as it:
        await it.flow(step("keyed", id="same", amount=1))
        await it.accept("a")
        await it.settle_all()
        await it.flow(step("keyed", id="same", amount=2), name="Corrected")
        await it.accept("b")
        await it.settle_all()
        (effect,) = await it.rows(tables.effects)
        assert effect.fate == "applied"
        assert it.vendor.books == {"keyed:same": 1}


async def test_an_effect_in_doubt_is_not_taken_over_by_one_that_differs_also_not_in_one_commit(database_url):
    async with engine(database_url, started=False) as it:
        await it.flow(step("keyed"))
        first, second, third = await it.accept("a", "b", "c")
        await it.database.write(lambda c: c.execute(tables.runs.update().values(state="running", lease=1)).rowcount)
        row = {
            "key": "k", "app": "shop", "action": "keyed", "connection_id": "", "kind": "write", "fate": "intended", "sent": True,
            "position": 0, "event_id": "e", "account_id": "", "amount_minor": 100, "currency": "USD", "input": {"owner": "ACC-1"},
            "output": None, "sentence": "", "created_at": 1, "updated_at": 1, "tells": "", "sale_id": "", "answers_to": "",
        }  # fmt: skip
        intents = [
            effects.Intent(row=row | {"run_id": first}, lease=1, same=("owner",)),
            effects.Intent(
                row=row | {"run_id": second, "amount_minor": 200, "created_at": 2}, lease=1, same=("owner",)
            ),
            effects.Intent(
                row=row | {"run_id": third, "input": {"owner": "ACC-2"}, "created_at": 2}, lease=1, same=("owner",)
            ),
        ]
        at_once = await it.database.write(lambda c: effects.intend(c, intents))
        await it.database.write(
            lambda c: c.execute(tables.runs.update().where(tables.runs.c.id == first).values(state="unknown")).rowcount
        )
        after = await it.database.write(lambda c: effects.intend(c, intents[1:]))
        (effect,) = await it.rows(tables.effects)
    assert [(standing.is_new, standing.owner_is_busy) for standing in at_once] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert [(s.difference.field, s.difference.known, s.difference.given, s.difference.run_id) for s in after] == [
        ("amount", "USD 1.00", "USD 2.00", first),
        ("owner", "ACC-1", "ACC-2", first),
    ]
    assert (effect.run_id, effect.amount_minor) == (first, 100)


async def test_an_effect_of_before_is_met_by_its_key(database_url):
    async with engine(database_url) as it:
        await it.flow(step("keyed", id="caf\u00e9 1", owner="ACC-1"))
        await it.accept("a")
        await it.settle_all()
        (effect,) = await it.rows(tables.effects)
        assert effect.key == f"{it.connection_id}/shop.keyed/caf\u00e9 1"


@pytest.mark.parametrize(
    "damage",
    ["[" * 200 + "]" * 200, "[" * 70 + "1]", "not JSON", '["a list"]', '"a text"'],
    ids=["too deep", "not closed", "no JSON", "a list", "a text"],
)
@pytest.mark.parametrize("column", ["input", "output"])
async def test_whatever_is_stored_of_a_known_effect_the_intents_beside_it_are_committed(database_url, column, damage):
    async with engine(database_url) as it:
        await it.flow(step("keyed", id="known", owner="ACC-1"))
        await it.accept("a")
        await it.settle_all()
        damaged = tables.effects.update().values({column: type_coerce(damage, Text)})
        await it.database.write(lambda c: c.execute(damaged).rowcount)
        await it.accept("b")
        await it.flow(step("keyed", id="other", owner="ACC-2"), name="Beside")
        await it.accept("c")
        await it.settle_all()
        assert "keyed:other" in it.vendor.books
        assert {run.state for run in await it.rows(tables.runs)} == {"succeeded"}
