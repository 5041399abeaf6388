"""Fills a store with finished runs, as they look after a year or a busy day; with customers; with a backlog of backfill."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Row, text

from affluent.domain.event import EventDraft, Priority
from affluent.engine.dispatch.postgres import PgQueue
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.queue import TableQueue
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.jsons import dumps, loads
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.postgres import PostgresDatabase
from affluent.store.schema.types import Instant


@dataclass(frozen=True, kw_only=True)
class Model:
    """The run that is copied."""

    run_id: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some of the copies: their ids as a JSON list, the number of the first, how many there are in all, how far apart."""

    ids: str
    first: int
    count: int
    apart: timedelta


_COPIES = {
    "sqlite": "(SELECT key + :first AS n, value AS id FROM json_each(:ids)) AS n",
    "postgresql": "(SELECT number - 1 + CAST(:first AS bigint) AS n, id"
    " FROM json_array_elements_text(CAST(:ids AS json)) WITH ORDINALITY AS o(id, number)) AS n",
}
_CHUNK = 20_000
_BACKFILL_CHUNK = 1_000
_APART = timedelta(seconds=30)
"""Between two of the copies: a million of them are a year."""
_DAY = timedelta(hours=23, minutes=30)
_TIME = 10
"""Characters of an id that say when it was made."""

# Copies of one finished run that the product itself made: every column as the product writes it, only ids and times differ.
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "events": ("event_id", {"id": "evt_{n}", "external_id": "{n}"}),
    "deliveries": ("event_id", {"id": "dlv_{n}", "event_id": "evt_{n}"}),
    "runs": ("run_id", {"id": "run_{n}", "event_id": "evt_{n}", "ordering_key": "run_{n}"}),
    "step_runs": ("run_id", {"run_id": "run_{n}", "effect_key": "{n}/step{position}"}),
    "attempts": ("run_id", {"run_id": "run_{n}"}),
    "effects": ("run_id", {"key": "{n}/step{position}", "run_id": "run_{n}", "event_id": "evt_{n}"}),
}
_OF_A_CUSTOMER = {
    "customers": {
        "id": "CUS-{n}",
        "key": "customer.{n}",
        "name": "Customer {n}",
        "email": "billing@{n}.example",
        "search": "cus-{n} customer {n} billing@{n}.example",
    },
    "accounts": {"id": "ACC-{n}", "key": "account.{n}", "customer_id": "CUS-{n}", "name": "Customer {n}"},
}


def finished(url: str, count: int) -> None:
    """Copy one finished run so many times, into the past."""
    # Ids sort by age: those of the copies begin with zeros, so that they come before all that is made now.
    ids = [f"{number:026d}" for number in range(count)]
    asyncio.run(_with(url, lambda database: _copy(database, ids, _APART)))


def busy_day(url: str, count: int) -> None:
    """Copy one finished run so many times, all of it within the last 24 hours; the ids say so too."""
    apart = _DAY / count
    asyncio.run(_with(url, lambda database: _copy(database, _ids_until(clock.now(), count, apart), apart)))


def customers(url: str, count: int) -> None:
    """Copy one customer with its account so many times."""
    asyncio.run(_with(url, lambda database: _copy_customer(database, count)))


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


def _ids_until(end: datetime, count: int, apart: timedelta) -> list[str]:
    """What ids made at even intervals up to a moment look like, without their prefix."""
    times = (first_id("", end - (count - number) * apart)[1 : _TIME + 1] for number in range(count))
    return [f"{made}{number:016d}" for number, made in enumerate(times)]


async def _copy(database: Database, ids: list[str], apart: timedelta) -> None:
    model = await database.read(_model)
    for start in range(0, len(ids), _CHUNK):
        chunk = Chunk(ids=dumps(ids[start : start + _CHUNK]), first=start, count=len(ids), apart=apart)
        await database.write(lambda connection, chunk=chunk: _copies(connection, model, chunk))
    await _vacuumed(database)


async def _copy_customer(database: Database, count: int) -> None:
    ids = [f"{number:07d}" for number in range(count)]
    for start in range(0, count, _CHUNK):
        chunk = Chunk(ids=dumps(ids[start : start + _CHUNK]), first=start, count=count, apart=_APART)
        await database.write(lambda connection, chunk=chunk: _customers(connection, chunk))
    await _vacuumed(database)


async def _vacuumed(database: Database) -> None:
    if isinstance(database, PostgresDatabase):
        async with database.engine.connect() as connection:
            outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text("VACUUM ANALYZE"))  # a database that old has been vacuumed by itself


def _model(connection: Connection) -> Model:
    found = connection.execute(
        text("SELECT id, event_id FROM runs WHERE state = 'succeeded' ORDER BY id DESC LIMIT 1")
    ).one()
    return Model(run_id=found.id, event_id=found.event_id)


def _copies(connection: Connection, model: Model, chunk: Chunk) -> None:
    for name, (whose, made) in _TABLES.items():
        by = "id" if name in ("events", "runs") else whose
        _insert(connection, name, made, chunk, where=f"m.{by} = :model", model=getattr(model, whose))


def _customers(connection: Connection, chunk: Chunk) -> None:
    for name, made in _OF_A_CUSTOMER.items():
        oldest = f"m.key = (SELECT max(key) FROM {name})"  # noqa: S608 - our own names
        _insert(connection, name, made, chunk, where=oldest)


def _insert(
    connection: Connection, name: str, made: dict[str, str], chunk: Chunk, *, where: str, **parameters: str
) -> None:
    columns = tables.metadata.tables[name].columns
    micros = chunk.apart // timedelta(microseconds=1)
    values = ", ".join(_value(column, made.get(column.name), micros) for column in columns)
    names = ", ".join(column.name for column in columns)
    copies = _COPIES[connection.dialect.name]
    sql = f"INSERT INTO {name} ({names}) SELECT {values} FROM {name} m CROSS JOIN {copies} WHERE {where}"  # noqa: S608 - our own names
    given = {"ids": chunk.ids, "first": chunk.first, "count": chunk.count, **parameters}
    connection.execute(text(sql), given)


def _value(column: Column[Any], made: str | None, apart: int) -> str:
    if made is not None:
        return f"'{made}'".replace("{n}", "' || n.id || '").replace("{position}", "' || m.position || '")
    if isinstance(column.type, Instant):
        return f"m.{column.name} - (:count - n.n) * {apart}"
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
