"""A row that cannot be read is set aside, seen, and stops nothing; whatever an outsider gets into a column, the next run goes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from affluent.domain.event import EventDraft, Priority
from affluent.engine import leases
from affluent.kit import clock
from affluent.kit.money import Money
from affluent.services.runs.events import Events
from affluent.services.runs.service import BulkAction
from affluent.store import bulk, tables
from affluent.store.runs import RunFilter
from tests.support.engine import Engine, draft, engine

STEP = {"id": "a", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}
THEN = {"id": "b", "app": "shop", "action": "read", "inputs": {"id": "{{ steps.a.receipt }}"}}


@asynccontextmanager
async def flowing(url: str) -> AsyncIterator[Engine]:
    """An engine with one flow of two steps."""
    async with engine(url) as made:
        await made.flow(STEP, THEN)
        yield made


async def poisoned(made: Engine, name: str, sql: str, /, position: int = 0, **values: object) -> str:
    """Accept an event and change its rows before any dispatcher sees them, and one more behind it in one commit; returns its run."""

    def unit(connection: Connection) -> str:
        ((accepted,), _) = made.intake.accept_each(
            connection, [[draft(name, account=f"{name}-account")], [draft(f"{name} next")]]
        )
        (run_id,) = accepted.run_ids
        if position:
            connection.execute(text("UPDATE runs SET position = :at WHERE id = :run"), {"run": run_id, "at": position})
            bulk.insert(connection, tables.step_runs, [_step(run_id)], columns=list(_step(run_id)))
        connection.execute(text(sql), {"run": run_id, "event": accepted.event_id, **values})
        return run_id

    return await made.database.write(unit)


def _step(run_id: str) -> dict[str, Any]:
    return {
        "run_id": run_id, "position": 0, "step_id": "a", "app": "shop", "action": "put", "state": "done", "outcome": "applied",
        "sentence": "", "output": {"receipt": "r"}, "effect": "read", "effect_key": "", "tries": 1, "started_at": clock.now(),
    }  # fmt: skip


async def states(made: Engine) -> dict[str, str]:
    """Where the runs stand, by the title that their events had."""
    query = select(tables.events.c.external_id, tables.runs.c.state).join_from(
        tables.runs, tables.events, tables.runs.c.event_id == tables.events.c.id
    )
    return {row.external_id: row.state for row in await made.database.read(lambda c: c.execute(query).all())}


DAMAGES = {
    "payload of the event cannot be read": "UPDATE events SET payload = '{\"id\": ' WHERE id = :event",
    "payload of the event is no JSON object": "UPDATE events SET payload = '[1]' WHERE id = :event",
    "event is not there": "DELETE FROM events WHERE id = :event",
}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES)
async def test_a_run_that_cannot_be_read_is_set_aside_with_its_reason_and_the_next_goes_on(
    database_url: str, sql: str
) -> None:
    async with flowing(database_url) as made:
        run_id = await poisoned(made, "bad", sql)
        await made.settle()
        row = await made.run(run_id)
        assert (row.state, row.cause, row.finished_at is not None) == ("failed", "unreadable", True)
        assert "set aside" in row.sentence
        assert (await states(made))["bad next"] == "succeeded"


async def test_a_run_whose_earlier_step_cannot_be_read_is_set_aside(database_url: str) -> None:
    async with flowing(database_url) as made:
        run_id = await poisoned(made, "bad", "UPDATE step_runs SET output = 'x' WHERE run_id = :run", position=1)
        await made.settle()
        assert "What its step a handed out cannot be read" in (await made.run(run_id)).sentence
        assert (await states(made))["bad next"] == "succeeded"


async def test_what_stands_in_line_behind_a_run_that_is_set_aside_goes_on(database_url: str) -> None:
    async with flowing(database_url) as made:
        await poisoned(made, "bad", "UPDATE events SET payload = '' WHERE id = :event")
        await made.accept("behind", account="bad-account")
        await made.settle()
        assert (await states(made))["behind"] == "succeeded"


async def test_a_run_that_is_set_aside_is_listed_grouped_and_shown_and_can_be_resumed_once_it_is_mended(
    database_url: str,
) -> None:
    async with flowing(database_url) as made:
        run_id = await poisoned(made, "bad", "UPDATE events SET payload = 'x' WHERE id = :event")
        await made.settle()
        assert run_id in [view.id for view in await made.runs.find(RunFilter(states=("failed",)))]
        assert [cause.cause for cause in await made.runs.causes()] == ["unreadable"]
        assert "not JSON" in (await made.runs.get(run_id)).payload["unreadable"]
        await made.database.write(
            lambda c: c.execute(text("UPDATE events SET payload = '{\"id\": \"x\"}' WHERE payload = 'x'"))
        )
        await made.runs.resume(run_id)
        await made.settle()
        assert (await made.run(run_id)).state == "succeeded"


async def test_a_run_whose_end_cannot_be_recorded_is_ended_by_its_id(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with flowing(database_url) as made:
        record = made.journal.record

        def refuse(connection: Connection, entries: Sequence[Any]) -> Any:
            if any(entry.run_id == bad for entry in entries):
                raise ValueError("a value that no column takes")
            return record(connection, entries)

        await made.dispatcher.stop()
        (bad,) = await made.accept("bad")
        monkeypatch.setattr(made.journal, "record", refuse)
        (claimed,) = await made.database.write(lambda c: leases.due(c, count=1, lowest_priority=Priority.LIVE))
        await made.executor.execute(claimed)
        row = await made.run(bad)
        assert (row.state, row.cause) == ("failed", "unreadable")
        assert "ValueError" in row.sentence


async def test_whatever_a_draft_says_is_stored_so_that_it_can_be_read(database_url: str) -> None:
    async with flowing(database_url) as made:
        odd = EventDraft(
            app="shop", source="shop-1", type="sold", external_id="a\0b\ud800", account_id="\udfff", customer_id="\0", title="\ud800\0",
            occurred_at=clock._FIRST.replace(year=1), payload={"id": "\ud800", "big": 10**40}, money=Money(10**30, "USD"),
        )  # fmt: skip
        first, again = await made.database.group(made.intake.accept_each, [odd, odd])
        await made.settle()
        assert (first.is_new, again.is_new, again.event_id) == (True, False, first.event_id)
        event = (await Events(made.database).get(first.event_id)).event
        assert (event.external_id, event.money, abs((event.occurred_at - clock.now()).total_seconds()) < 60) == (
            "a\ufffdb\ufffd",
            None,
            True,
        )


# -- any bytes in any column ------------------------------------------------------------------------------------------------------

EVENT = ("type", "account_id", "customer_id", "title", "currency", "payload", "amount_minor", "occurred_at")
RUN = ("ordering_key", "account_id", "title", "currency", "sentence", "cause", "amount_minor", "event_at")
STEPS = ("step_id", "outcome", "sentence", "output", "input", "effect_key")
NUMBERS = frozenset({"amount_minor", "occurred_at", "event_at"})
columns = st.sampled_from(
    [("events", name, "id = :event") for name in EVENT]
    + [("runs", name, "id = :run") for name in RUN]
    + [("step_runs", name, "run_id = :run") for name in STEPS]
)
whole = st.integers(-(2**63), 2**63 - 1)
plain = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60) | st.sampled_from(
    [
        "{",
        "null",
        "[[]]",
        '{"id": 1e400}',
        '{"id": "\\ud800"}',
        '{"id": "\\u0000"}',
        "[" * 500,
        "{{ 1/0 }}",
        "zzz:",
        "0001-01-01",
    ]
)


@dataclass(frozen=True)
class Standing:
    """An engine that stands through all examples, and how to run a call of it."""

    made: Engine
    run: Any
    numbers: Iterator[int]


@pytest.fixture
def standing(database_url: str) -> Iterator[Standing]:
    loop = asyncio.new_event_loop()
    context = flowing(database_url)
    made = loop.run_until_complete(context.__aenter__())
    yield Standing(made, loop.run_until_complete, itertools.count())
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=columns,
    number=whole,
    words=plain,
    raw=st.binary(max_size=40),
    kind=st.sampled_from(["words", "bytes", "blob", "number"]),
)
def test_whatever_a_column_holds_the_next_run_goes_on_and_every_list_answers(
    standing: Standing, column: tuple[str, str, str], number: int, words: str, raw: bytes, kind: str
) -> None:
    table, name, where = column
    sql, value = _assigned(standing.made.database.dialect, name, kind, number=number, words=words, raw=raw)
    standing.run(
        _go_through(
            standing.made,
            f"bad-{next(standing.numbers)}",
            f"UPDATE {table} SET {name} = {sql} WHERE {where}",  # noqa: S608 - names of this file
            value,
        )
    )


def _assigned(dialect: str, name: str, kind: str, *, number: int, words: str, raw: bytes) -> tuple[str, object]:
    """SQL and value of an assignment that the database accepts."""
    if dialect == "sqlite":
        values: dict[str, tuple[str, object]] = {
            "words": (":value", words), "bytes": ("CAST(:value AS TEXT)", raw), "blob": (":value", raw), "number": (":value", number),
        }  # fmt: skip
        return values[kind]
    return (":value", number if name in NUMBERS else words)


async def _go_through(made: Engine, name: str, sql: str, value: object) -> None:
    position = 1 if "step_runs" in sql else 0
    run_id = await poisoned(made, name, sql, position=position, value=value)
    async with asyncio.timeout(10):
        while (await states(made)).get(f"{name} next") != "succeeded":
            await asyncio.sleep(0.005)
    await made.settle()
    assert [view for view in await made.runs.find(RunFilter(), limit=5) if view.id == run_id]
    await made.runs.get(run_id)
    await made.runs.causes()
    await made.runs.forecast(RunFilter(ids=(run_id,)), BulkAction.REPLAY)
    await made.runs.bulk(RunFilter(ids=(run_id,)), BulkAction.CANCEL)
    await Events(made.database).find(limit=5)
