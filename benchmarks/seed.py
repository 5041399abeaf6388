"""Fills a store with finished runs, as they look after a year; and with a backlog of backfill events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Row, text

from affluent.domain.event import EventDraft, Priority
from affluent.engine.dispatch.postgres import PgQueue
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.queue import TableQueue
from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.postgres import PostgresDatabase
from affluent.store.types import Instant


@dataclass(frozen=True, kw_only=True)
class Model:
    """The run that is copied."""

    run_id: str
    event_id: str


_CHUNK = 20_000
_BACKFILL_CHUNK = 1_000
_APART = 30_000_000
"""Microseconds between two of the copies: a million of them are a year."""

# Copies of one finished run that the product itself made: every column as the product writes it, only ids and times differ.
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "events": ("event_id", {"id": "evt_{n}", "external_id": "{n}"}),
    "deliveries": ("event_id", {"id": "dlv_{n}", "event_id": "evt_{n}"}),
    "runs": ("run_id", {"id": "run_{n}", "event_id": "evt_{n}", "ordering_key": "run_{n}"}),
    "step_runs": ("run_id", {"run_id": "run_{n}", "effect_key": "{n}/step{position}"}),
    "attempts": ("run_id", {"run_id": "run_{n}"}),
    "effects": ("run_id", {"key": "{n}/step{position}", "run_id": "run_{n}", "event_id": "evt_{n}"}),
}


def finished(url: str, count: int) -> None:
    """Copy one finished run so many times, into the past."""
    asyncio.run(_with(url, lambda database: _copy(database, count)))


def backfill(url: str, flow_connection_id: str, count: int) -> None:
    """Queue events with the priority of a backfill for one flow connection, as an import of history does."""
    asyncio.run(_with(url, lambda database: _enqueue(database, flow_connection_id, count)))


async def _with(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
    database = open_database(url, Path("unused"))
    await database.open()
    try:
        await work(database)
    finally:
        await database.close()


async def _copy(database: Database, count: int) -> None:
    model = await database.read(_model)
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        await database.write(lambda connection, span=(start, stop): _copies(connection, model, span, count))
    if isinstance(database, PostgresDatabase):
        async with database.engine.connect() as connection:
            outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text("VACUUM ANALYZE"))  # a database that old has been vacuumed by itself


def _model(connection: Connection) -> Model:
    found = connection.execute(
        text("SELECT id, event_id FROM runs WHERE state = 'succeeded' ORDER BY id DESC LIMIT 1")
    ).one()
    return Model(run_id=found.id, event_id=found.event_id)


def _copies(connection: Connection, model: Model, span: tuple[int, int], count: int) -> None:
    sqlite = connection.dialect.name == "sqlite"
    for name, (whose, made) in _TABLES.items():
        table = tables.metadata.tables[name]
        by = "id" if name in ("events", "runs") else whose
        values = [_value(column, made.get(column.name), sqlite=sqlite) for column in table.columns]
        names = ", ".join(column.name for column in table.columns)
        source = f"{name} m CROSS JOIN {_numbers(sqlite=sqlite)} WHERE m.{by} = :model"
        sql = f"INSERT INTO {name} ({names}) SELECT {', '.join(values)} FROM {source}"  # noqa: S608 - our own names
        parameters = {"first": span[0], "last": span[1] - 1, "count": count, "model": getattr(model, whose)}
        connection.execute(text(sql), parameters)


def _numbers(*, sqlite: bool) -> str:
    if sqlite:
        return "(WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last) SELECT n FROM s) AS n"
    return "(SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS n"


def _value(column: Column[Any], made: str | None, *, sqlite: bool) -> str:
    if made is not None:
        # Ids sort by age: those of the copies begin with zeros, so that they come before all that is made now.
        number = "printf('%026d', n.n)" if sqlite else "lpad(n.n::text, 26, '0')"
        return f"'{made}'".replace("{n}", f"' || {number} || '").replace("{position}", "' || m.position || '")
    if isinstance(column.type, Instant):
        return f"m.{column.name} - (:count - n.n) * {_APART}"
    return f"m.{column.name}"


async def _enqueue(database: Database, flow_connection_id: str, count: int) -> None:
    queue = PgQueue() if isinstance(database, PostgresDatabase) else TableQueue()
    intake = Intake(queue, FairClock(), lambda: None)
    link, event = await database.read(lambda connection: _example(connection, flow_connection_id))
    for start in range(0, count, _BACKFILL_CHUNK):
        drafts = [
            EventDraft(
                app=link.trigger_app,
                source=link.trigger_source,
                type=link.trigger_event,
                external_id=f"history-{number}",
                occurred_at=clock.now(),
                payload=loads(event.payload.replace(event.external_id, f"history-{number}")),
                priority=Priority.BACKFILL,
                only_flow_connection=flow_connection_id,
            )
            for number in range(start, min(start + _BACKFILL_CHUNK, count))
        ]
        await database.write(lambda connection, drafts=drafts: intake.accept(connection, drafts))


def _example(connection: Connection, flow_connection_id: str) -> tuple[Row[Any], Row[Any]]:
    link = connection.execute(
        text("SELECT trigger_app, trigger_event, trigger_source FROM flow_connections WHERE id = :id"),
        {"id": flow_connection_id},
    ).one()
    event = connection.execute(
        text("SELECT external_id, payload FROM events WHERE source = :source ORDER BY id DESC LIMIT 1"),
        {"source": link.trigger_source},
    ).one()
    return link, event
