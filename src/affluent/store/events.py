"""Events as they were accepted: listed, shown, and those whose payload retention has removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, text

from affluent.kit.jsons import dumps
from affluent.store import bulk, tables

E = tables.events


def find(
    connection: Connection,
    *,
    app: str = "",
    event_type: str = "",
    account_id: str = "",
    external_id: str = "",
    limit: int,
    before: str = "",
) -> Sequence[Row[Any]]:
    """Events, newest first, older than `before`; empty conditions match all."""
    query = select(E).order_by(E.c.id.desc()).limit(limit)
    for column, value in (
        (E.c.app, app),
        (E.c.type, event_type),
        (E.c.account_id, account_id),
        (E.c.external_id, external_id),
    ):
        if value:
            query = query.where(column == value)
    return connection.execute(query.where(E.c.id < before) if before else query).all()


def one(connection: Connection, event_id: str) -> Row[Any] | None:
    """The event of an id."""
    return connection.execute(select(E).where(E.c.id == event_id)).one_or_none()


def forgotten(connection: Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of these events whose payload retention has removed."""
    sql = text(f"SELECT id FROM events WHERE forgotten_at IS NOT NULL AND id IN {bulk.each(connection.dialect.name)}")
    return set(connection.execute(sql, {"keys": dumps(list(event_ids))}).scalars())
