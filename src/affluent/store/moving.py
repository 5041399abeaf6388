"""Copies every row from one database to another as it is kept, and proves that nothing was lost on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, TableClause, Text, column, func, insert, select, table, text
from sqlalchemy.types import TypeEngine

from affluent.kit.jsons import dumps
from affluent.store import tables
from affluent.store.schema.types import Instant, Json
from affluent.store.tables import audit as tables_audit
from affluent.store.tables import billing as tables_billing
from affluent.store.tables import inbound as tables_inbound
from affluent.store.tables import money as tables_money
from affluent.store.tables import people as tables_people

_AT_ONCE = 500
_ALL = (tables, tables_audit, tables_billing, tables_inbound, tables_money, tables_people)
"""Imported so that the metadata knows every table."""

Rows = list[dict[str, Any]]


def every_table() -> Sequence[Table]:
    """All tables, those that others refer to first."""
    return tables.metadata.sorted_tables


def batches(connection: Connection, of: Table) -> Iterator[Rows]:
    """The rows of a table as they are kept, some at a time."""
    result = connection.execute(select(_raw(of)), execution_options={"yield_per": _AT_ONCE})
    for part in result.mappings().partitions():
        yield [dict(row) for row in part]


def put(connection: Connection, of: Table, rows: Rows) -> None:
    """Insert rows as they were kept elsewhere."""
    connection.execute(insert(_raw(of)), rows)


def fingerprint(connection: Connection, of: Table) -> tuple[int, str]:
    """How many rows a table has, and a digest of all that does not depend on their order."""
    total, number = 0, 0
    names = [item.name for item in of.columns if item.name != "job_id"]
    for rows in batches(connection, of):
        for row in rows:
            packed = dumps([row[name].hex() if isinstance(row[name], bytes) else row[name] for name in names])
            total += int.from_bytes(hashlib.sha256(packed.encode()).digest())
            number += 1
    return number, f"{total % 2**256:064x}"


def filled(connection: Connection) -> list[str]:
    """The tables that have rows already."""
    return [item.name for item in every_table() if connection.execute(select(func.count()).select_from(item)).scalar()]


def count(connection: Connection) -> int:
    """How many rows there are in all tables."""
    return sum(connection.execute(select(func.count()).select_from(item)).scalar() or 0 for item in every_table())


def finish(connection: Connection) -> int:
    """Continue the numbering of the ledger, and let the next process take up what was running; returns unfinished runs."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "SELECT setval(pg_get_serial_sequence('ledger', 'number'), (SELECT max(number) FROM ledger))"
                " WHERE EXISTS (SELECT 1 FROM ledger)"
            )
        )
    return int(connection.execute(text("SELECT count(*) FROM runs WHERE finished_at IS NULL")).scalar() or 0)


def _raw(of: Table) -> TableClause:
    """A table whose moments are numbers and whose JSON is text, as they are kept."""
    return table(of.name, *(column(item.name, _kind(item.type)) for item in of.columns))


def _kind(of: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(of, Instant):
        return BigInteger()
    return Text() if isinstance(of, Json) else of
