"""Fills every table of a database at any revision with rows that a seed decides: read from the database, not from the code."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, Integer, LargeBinary, MetaData, Table, select

from affluent.store import metadata
from affluent.store.schema.types import Instant, Json

ROWS = 5
_FIRST = 1_750_000_000_000_000
"""Moments lie in the middle of 2025, in microseconds."""


def reflected(connection: Connection) -> MetaData:
    """The tables as they are in the database, those of Alembic and PgQueuer aside."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: not name.startswith("pgqueuer") and name != "alembic_version")
    return found


def fill(connection: Connection, seed: int = 1) -> dict[str, int]:
    """Put rows into every table; returns how many each has now."""
    random, tables = Random(seed), reflected(connection)
    for table in tables.sorted_tables:
        rows = [
            {column.name: _value(table, column, random, number) for column in table.columns} for number in range(ROWS)
        ]
        connection.execute(table.insert(), rows)
    return {table.name: len(connection.execute(select(table)).all()) for table in tables.sorted_tables}


def _value(table: Table, column: Column[Any], random: Random, number: int) -> Any:
    if column.nullable and random.random() < 0.3:
        return None
    known = metadata().tables.get(table.name)
    kind = known.columns[column.name].type if known is not None and column.name in known.columns else column.type
    if isinstance(kind, Json):
        return json.dumps({"n": number, "text": f"Müller & Söhne {random.random()}"})
    if isinstance(kind, Instant):
        return _FIRST + random.randrange(10**12) + number
    if isinstance(column.type, Boolean):
        return random.random() < 0.5
    if isinstance(column.type, (BigInteger, Integer)):
        return 1 + number
    if isinstance(column.type, Float):
        return number + random.random()
    if isinstance(column.type, LargeBinary):
        return random.randbytes(32)
    return f"{column.name}-{number}"


def contents(connection: Connection, only: dict[str, list[str]] | None = None) -> dict[str, tuple[int, str]]:
    """Table → its number of rows and a digest of them in any order, of the columns in `only` where given."""
    told = {}
    for table in reflected(connection).sorted_tables:
        names = only.get(table.name, []) if only is not None else [column.name for column in table.columns]
        rows = connection.execute(select(*(table.columns[name] for name in names))).all() if names else []
        said = sorted(repr([value.hex() if isinstance(value, bytes) else value for value in row]) for row in rows)
        told[table.name] = (len(rows), hashlib.sha256("\n".join(said).encode()).hexdigest())
    return told


def columns(connection: Connection) -> dict[str, list[str]]:
    """Table → its columns."""
    return {table.name: [one.name for one in table.columns] for table in reflected(connection).sorted_tables}
