"""Retention takes what is old, kind by kind, and never what is unfinished, failed, in doubt or not reconciled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select, text

from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.jsons import loads
from affluent.kit.money import Money
from affluent.services.errors import Conflict
from affluent.services.operations import retention as service
from affluent.services.operations.retention import forget
from affluent.services.provenance.ledger_verification import LEDGER, Ledgers
from affluent.services.provenance.why import Why
from affluent.services.runs.service import BulkAction
from affluent.store import retention, tables
from affluent.store.database import Database
from affluent.store.ledger import Sealer
from affluent.store.open import open_database
from affluent.store.retention import ATTEMPTS, DELIVERIES, EVENTS, RUNS, Kind
from affluent.store.runs import RunFilter
from affluent.store.schema import upgrade as schema
from affluent.store.tables import money
from tests.support.engine import VAULT, Engine, draft, engine, shop

STATES = ("succeeded", "skipped", "cancelled", "failed", "unknown", "paused", "waiting", "queued", "running")
UNFINISHED = STATES[5:]
ENDED_WELL = set(STATES[:3])
KINDS = (DELIVERIES, ATTEMPTS, RUNS, EVENTS)
NOW = clock.now()
OLD, KEPT, YOUNG = timedelta(days=100), timedelta(days=90), timedelta(days=1)
EVERYTHING = timedelta(seconds=-1)


@pytest.fixture(autouse=True)
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long retention would have rested, each time: nobody waits for it here."""
    found: list[float] = []

    async def rest(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(service, "sleep", rest)
    return found


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(opened)
    await opened.open()
    yield opened
    await opened.close()


def named(prefix: str, state: str, age: timedelta) -> str:
    """The id of what belongs to a run of that state and age."""
    return f"{first_id(prefix, NOW - age)[:-4]}{STATES.index(state):04}"


def put(connection: Connection, state: str, age: timedelta, *, amount: int | None = None, fate: str = "") -> None:
    """A run with its event, delivery, step and attempt; with an effect when it has a fate."""
    run_id, event_id, at = named("run", state, age), named("evt", state, age), NOW - age
    common = {"account_id": "ACC-1", "title": "", "amount_minor": amount, "currency": "USD" if amount else None}
    run = {
        "id": run_id, "event_id": event_id, "flow_id": "flo_1", "flow_version": 1, "flow_connection_id": "fco_1",
        "state": state, "ready": False, "priority": 0, "rank": 1, "ordering_key": run_id, "event_at": at, "due_at": at,
        "lease": 1, "position": 0, "tries": 0, "cancel": False, "sentence": "", "cause": "", "waits_for": "",
        "created_at": at, "finished_at": None if state in UNFINISHED else at,
    }  # fmt: skip
    event = {
        "id": event_id, "source": "s", "external_id": event_id, "app": "shop", "type": "sold", "customer_id": "",
        "occurred_at": at, "received_at": at, "payload": '{"id":"1"}',
    }  # fmt: skip
    delivery = {
        "id": named("dlv", state, age), "flow_connection_id": "fco_1", "received_at": at, "verdict": "accepted",
        "status": 200, "headers": {}, "body": "{}", "event_id": event_id,
    }  # fmt: skip
    step = {
        "run_id": run_id, "position": 0, "step_id": "a", "app": "shop", "action": "put", "state": "done",
        "outcome": "applied", "sentence": "", "condition": {"c": 1}, "input": {"i": 1}, "output": {"o": 1},
        "effect": "write", "effect_key": run_id, "tries": 1, "started_at": at,
    }  # fmt: skip
    attempt = {
        "run_id": run_id, "position": 0, "number": 1, "started_at": at, "milliseconds": 1, "outcome": "applied",
        "status": 200, "sentence": "", "exchanges": [],
    }  # fmt: skip
    effect = {
        "key": run_id, "app": "shop", "action": "put", "connection_id": "con_1", "kind": "write", "fate": fate,
        "sent": True, "run_id": run_id, "position": 0, "event_id": event_id, "input": {"i": 1}, "output": {"o": 1},
        "sentence": "", "created_at": at, "updated_at": at,
    }  # fmt: skip
    rows: list[tuple[Table, dict[str, Any]]] = [
        (tables.events, {**event, **common}), (tables.runs, {**run, **common}), (tables.deliveries, delivery),
        (tables.step_runs, step), (tables.attempts, attempt),
    ]  # fmt: skip
    if fate:
        rows.append((tables.effects, {**effect, **{name: common[name] for name in common if name != "title"}}))
    for table, values in rows:
        connection.execute(insert(table).values(**values))


def left(connection: Connection, kind: Kind) -> set[str]:
    """The ids of which this kind is still there."""
    query = {
        "deliveries": "SELECT event_id FROM deliveries",
        "attempts": "SELECT run_id FROM attempts",
        "runs": "SELECT r.id FROM runs r JOIN step_runs s ON s.run_id = r.id"
        " WHERE r.forgotten_at IS NULL AND s.input IS NOT NULL AND s.output IS NOT NULL AND s.condition IS NOT NULL",
        "events": "SELECT id FROM events WHERE forgotten_at IS NULL AND payload <> '{}'",
    }[kind.name]
    return set(connection.execute(text(query)).scalars())


def ids(kind: Kind, states: set[str], age: timedelta) -> set[str]:
    return {named("run" if kind.prefix == "run" else "evt", state, age) for state in states}


def matrix(connection: Connection) -> None:
    for age in (YOUNG, OLD):
        for state in STATES:
            put(connection, state, age)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_only_what_is_old_and_ended_well_is_taken(
    database: Database, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "WINDOW", 2)
    await database.write(matrix)
    assert await forget(database, kind, KEPT) == len(ENDED_WELL)
    expected = ids(kind, set(STATES), YOUNG) | ids(kind, set(STATES) - ENDED_WELL, OLD)
    assert await database.read(lambda c: left(c, kind)) == expected
    assert await forget(database, kind, KEPT) == 0
    rows = await database.read(lambda c: [c.execute(select(func.count()).select_from(t)).scalar() for t in ROWS])
    assert rows == [2 * len(STATES)] * len(ROWS)


ROWS = (tables.events, tables.runs, tables.step_runs)


async def test_it_works_a_hundredth_of_the_time(
    database: Database, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(100))
    monkeypatch.setattr(service, "monotonic", lambda: next(ticks) * 0.02)  # each piece takes 20 ms
    await database.write(lambda c: put(c, "succeeded", OLD))
    assert await forget(database, RUNS, KEPT) == 1
    assert rests == pytest.approx([1.98, 1.98])  # after the look and after the taking
    ticks = iter(range(100))
    monkeypatch.setattr(service, "monotonic", lambda: next(ticks) * 0.0001)
    assert await forget(database, RUNS, KEPT) == 0
    assert rests[2:] == [0.05]


async def test_a_run_takes_its_attempts_along_and_keeps_its_outcome(database: Database) -> None:
    await database.write(matrix)
    await forget(database, RUNS, KEPT)
    assert not await database.read(lambda c: left(c, ATTEMPTS)) & ids(RUNS, ENDED_WELL, OLD)
    outcomes = await database.read(lambda c: set(c.execute(select(tables.step_runs.c.outcome)).scalars()))
    assert outcomes == {"applied"}


@pytest.mark.parametrize("fate", ["intended", "unknown"])
async def test_what_a_write_in_doubt_belongs_to_stays(database: Database, fate: str) -> None:
    await database.write(lambda c: put(c, "cancelled", OLD, fate=fate))
    await database.write(lambda c: put(c, "succeeded", OLD, fate="applied"))
    assert [await forget(database, kind, KEPT) for kind in (ATTEMPTS, EVENTS)] == [1, 1]
    assert await forget(database, RUNS, KEPT) == 1
    assert await database.read(lambda c: left(c, RUNS)) == ids(RUNS, {"cancelled"}, OLD)


def statement(
    number: int, days: tuple[int, int], *, phase: str = "done", open_account: str = ""
) -> Callable[..., None]:
    """A statement over these days before now, with an open line of an account."""

    def unit(connection: Connection) -> None:
        begins, ends = (NOW - timedelta(days=day) for day in days)
        connection.execute(
            insert(money.statements).values(
                id=f"stm_{number}", period_start=begins, period_end=ends, zone="UTC", phase=phase, sentence="", digest="",
                author="", lease=0, created_at=NOW, locked_by="",
            )
        )  # fmt: skip
        connection.execute(
            insert(money.statement_lines).values(
                statement_id=f"stm_{number}", number=1, leg="sales", name="missing", currency="USD", ours=1, theirs=0,
                open=1 if open_account else 0, reason="", case_id="INV-1", account_id=open_account or "ACC-1", at=0,
                records=[],
            )
        )  # fmt: skip

    return unit


@pytest.mark.parametrize(
    ("statements", "is_kept"),
    [
        ([], False),  # nobody reconciles
        ([statement(1, (120, 95))], False),
        ([statement(1, (120, 95), phase="reading")], False),  # none is done yet
        ([statement(1, (99, 95))], True),  # its time has none
        ([statement(1, (120, 95), open_account="ACC-1")], True),
        ([statement(1, (120, 95), open_account="ACC-2")], False),
        ([statement(1, (120, 95), open_account="ACC-1"), statement(2, (120, 95))], False),  # settled in a newer one
        ([statement(1, (120, 95)), statement(2, (110, 95), open_account="ACC-1")], True),
    ],
)
async def test_money_that_is_not_reconciled_stays(
    database: Database, statements: list[Callable[..., None]], *, is_kept: bool
) -> None:
    await database.write(lambda c: put(c, "succeeded", OLD, amount=2499))
    await database.write(lambda c: put(c, "skipped", OLD))
    for one in statements:
        await database.write(one)
    for kind in (ATTEMPTS, RUNS, EVENTS):
        await forget(database, kind, KEPT)
        assert await database.read(lambda c, kind=kind: left(c, kind)) == (
            ids(kind, {"succeeded"}, OLD) if is_kept else set()
        )


async def sealed_sale(made: Engine) -> str:
    """A sale of 24.99 that was applied, with everything about it taken; its run."""
    made.database.sealer = Sealer(VAULT.derive(LEDGER), VAULT.current).seal
    await made.flow({"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}", "amount": 2499}})
    sold = replace(draft("s1", account="ACC-1"), money=Money(2499, "USD"))
    [[accepted]] = [await made.database.group(made.intake.accept_each, [sold])]
    await made.settle()
    for kind in KINDS:
        await forget(made.database, kind, EVERYTHING)
    return accepted.run_ids[0]


async def test_a_late_repeat_of_a_forgotten_event_is_recognised_and_the_ledger_is_sound(database_url: str) -> None:
    async with engine(database_url) as made:
        run_id = await sealed_sale(made)
        assert loads((await made.rows(tables.events))[0].payload) == {}
        [[repeat]] = [await made.database.group(made.intake.accept_each, [draft("s1", account="ACC-1")])]
        assert (repeat.is_new, repeat.run_ids) == (False, ())
        assert made.vendor.books == {"put:s1": 1}
        found = await Ledgers(database=made.database, vault=VAULT).verify()
        assert found.problems == []
        assert (found.runs.accepted, found.runs.applied) == (1, 1)
        assert (await made.runs.get(run_id)).run.forgotten_at is not None


async def test_what_was_sent_still_explains_the_amount(database_url: str) -> None:
    async with engine(database_url) as made:
        run_id = await sealed_sale(made)
        [step] = (await made.runs.get(run_id)).steps
        assert (step.input["amount"], step.output, step.attempts) == (2499, {"receipt": "r-s1"}, ())
        chain = await Why(database=made.database, apps={"shop": shop(made.vendor)}).ask(run_id)
        told = {link.what: link for link in chain.links}
        assert told["net"].title == "Net USD 24.99"
        assert told["expression"].detail["inputs"]["_money"] == "USD 24.99"
        assert told["answer"].detail == {"receipt": "r-s1"}


async def test_nothing_is_made_again_of_what_was_taken(database_url: str) -> None:
    async with engine(database_url) as made:
        run_id = await sealed_sale(made)
        with pytest.raises(Conflict, match="Retention took the payload"):
            await made.runs.replay(run_id)
        forecast = await made.runs.forecast(RunFilter(ids=(run_id,)), BulkAction.REPLAY)
        assert (forecast.runs, forecast.not_possible) == (0, 1)
        assert await made.runs.bulk(RunFilter(ids=(run_id,)), BulkAction.REPLAY) == 0


async def test_a_cancelled_run_whose_values_were_taken_is_replayed_instead_of_resumed(database_url: str) -> None:
    async with engine(database_url, started=False) as made:
        await made.flow({"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}})
        [run_id] = await made.accept("s1")
        await made.runs.cancel(run_id)
        assert await forget(made.database, RUNS, EVERYTHING) == 1
        with pytest.raises(Conflict, match="Replay it"):
            await made.runs.resume(run_id)
        forecast = await made.runs.forecast(RunFilter(ids=(run_id,)), BulkAction.RESUME)
        assert (forecast.runs, forecast.not_possible) == (0, 1)
        assert (await made.runs.replay(run_id)).state == "queued"


async def test_retention_scans_no_table(tmp_path: Path) -> None:
    async with engine(f"sqlite:///{tmp_path / 'affluent.db'}", started=False) as made:
        span = {"after": "", "before": "z", "edge": "z"}
        for kind in KINDS:
            for sql in (kind.walk, kind.ripe):
                plan = await made.database.read(
                    lambda c, sql=sql: c.execute(text(f"EXPLAIN QUERY PLAN {sql}"), span).all()
                )
                assert [row.detail for row in plan if row.detail.startswith("SCAN")] == [], kind.name
