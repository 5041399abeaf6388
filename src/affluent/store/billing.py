"""Rows of the billing workspace: one, a page, add, change. The same few statements serve every noun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from affluent.store.tables import billing as tables

Condition = ColumnElement[bool]


def one(connection: Connection, table: Table, *conditions: Condition, lock: bool = False) -> Row[Any] | None:
    """The row that matches; `lock` keeps other workers away from it until this transaction ends."""
    query = select(table).where(*conditions)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def some(
    connection: Connection,
    table: Table,
    *conditions: Condition,
    order: Sequence[ColumnElement[Any]] = (),
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """All rows that match, or the first `limit` of them."""
    return connection.execute(select(table).where(*conditions).order_by(*order).limit(limit)).all()


def page(
    connection: Connection,
    table: Table,
    *conditions: Condition,
    key: Column[Any],
    limit: int,
    after: str = "",
    ascending: bool = False,
) -> Sequence[Row[Any]]:
    """Rows in the order of `key` (newest first unless ascending) that follow `after`; one more than `limit`, when there is one."""
    query = select(table).where(*conditions).order_by(key if ascending else key.desc()).limit(limit + 1)
    if after:
        query = query.where(key > after if ascending else key < after)
    return connection.execute(query).all()


def add(connection: Connection, table: Table, values: Mapping[str, Any]) -> Row[Any]:
    """Insert a row and return it."""
    return connection.execute(insert(table).values(**values).returning(table)).one()


def change(connection: Connection, table: Table, *conditions: Condition, **values: Any) -> Row[Any] | None:  # noqa: ANN401 - a column's own type
    """Change the row that matches and return it."""
    return connection.execute(update(table).where(*conditions).values(**values).returning(table)).one_or_none()


def remove(connection: Connection, table: Table, *conditions: Condition) -> int:
    """Delete the rows that match; how many there were."""
    return connection.execute(delete(table).where(*conditions)).rowcount


def next_number(connection: Connection, name: str, *, first: int) -> int:
    """The next number of a series without gaps: what is rolled back gives its number back."""
    numbers = tables.billing_numbers
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(numbers).values(name=name, last=first)
    statement = statement.on_conflict_do_update(index_elements=["name"], set_={"last": numbers.c.last + 1})
    return int(connection.execute(statement.returning(numbers.c.last)).scalar_one())
