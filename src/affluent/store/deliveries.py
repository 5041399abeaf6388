"""Webhook deliveries as they were received: stored, listed, and the surplus of refused ones deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, text

from affluent.store import bulk, tables

D = tables.deliveries
_COLUMNS = [column.name for column in D.columns]


def add(connection: Connection, rows: Sequence[bulk.Row]) -> None:
    """Insert deliveries."""
    bulk.insert(connection, D, rows, columns=_COLUMNS)


def find(
    connection: Connection, *, flow_connection_id: str, verdict: str, limit: int, before: str
) -> Sequence[Row[Any]]:
    """Deliveries, newest first, older than `before`; empty conditions match all."""
    query = select(D).order_by(D.c.id.desc()).limit(limit)
    if flow_connection_id:
        query = query.where(D.c.flow_connection_id == flow_connection_id)
    if verdict:
        query = query.where(D.c.verdict == verdict)
    return connection.execute(query.where(D.c.id < before) if before else query).all()


def drop_refused(connection: Connection, *, kept: int, limit: int) -> int:
    """Delete the oldest refused deliveries of one hook that has more than `kept`. Returns how many, at most `limit`."""
    # The figures stand in the text: SQLite does not look into bound values when it chooses an index.
    crowded = text(
        "SELECT flow_connection_id FROM deliveries WHERE verdict <> 'accepted' GROUP BY flow_connection_id"
        f" HAVING count(*) > {kept:d} LIMIT 1"
    )
    hook = connection.execute(crowded).scalar()
    if hook is None:
        return 0
    surplus = text(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE verdict <> 'accepted' AND flow_connection_id = :hook"
        f" AND id < (SELECT id FROM deliveries WHERE verdict <> 'accepted' AND flow_connection_id = :hook"
        f" ORDER BY id DESC LIMIT 1 OFFSET {kept - 1:d}) ORDER BY id LIMIT {limit:d})"
    )
    return connection.execute(surplus, {"hook": hook}).rowcount
