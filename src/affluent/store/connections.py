"""Connections: as they are listed, where they are used, and the runs that wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Text, delete, func, insert, or_, select, text, type_coerce, update

from affluent.kit.clock import to_micros
from affluent.store import tables

C, F, L = tables.connections, tables.flows, tables.flow_connections


def add(connection: Connection, values: dict[str, Any]) -> Row[Any]:
    """Insert a connection and return it."""
    return connection.execute(insert(C).values(**values).returning(C)).one()


def find(
    connection: Connection, *, app: str, status: str, search: str, limit: int, after: str = ""
) -> Sequence[Row[Any]]:
    """Connections, oldest first, from the one that follows `after`; empty conditions match all."""
    query = select(C).order_by(C.c.id).limit(limit)
    if app:
        query = query.where(C.c.app == app)
    if status:
        query = query.where(C.c.status == status)
    if search:
        query = query.where(or_(C.c.name.icontains(search, autoescape=True), C.c.id == search))
    return connection.execute(query.where(C.c.id > after) if after else query).all()


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many connections each app has, by status."""
    by_app: dict[str, dict[str, int]] = {}
    for app, status, number in connection.execute(
        select(C.c.app, C.c.status, func.count()).group_by(C.c.app, C.c.status)
    ):
        by_app.setdefault(app, {})[status] = number
    return by_app


def one(connection: Connection, connection_id: str) -> Row[Any] | None:
    """The connection of an id."""
    return connection.execute(select(C).where(C.c.id == connection_id)).one_or_none()


def of_ids(connection: Connection, connection_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The connections of these ids, by id."""
    query = select(C).where(C.c.id.in_(set(connection_ids)))
    return {row.id: row for row in connection.execute(query)}


def name_is_taken(connection: Connection, app: str, name: str, *, but_by: str = "") -> bool:
    """Whether another connection of the app has this name."""
    query = select(C.c.id).where(C.c.app == app, C.c.name == name, C.c.id != but_by)
    return connection.execute(query).first() is not None


def change(connection: Connection, connection_id: str, *, version: int, values: dict[str, Any]) -> Row[Any] | None:
    """Change a connection that is still at this version, and return it; None when it is not."""
    query = update(C).where(C.c.id == connection_id, C.c.version == version).values(**values).returning(C)
    return connection.execute(query).one_or_none()


def remove(connection: Connection, connection_id: str) -> None:
    """Delete a connection with its reservation of the vendor's limit."""
    connection.execute(delete(C).where(C.c.id == connection_id))
    connection.execute(delete(tables.limits).where(tables.limits.c.connection_id == connection_id))


def uses(connection: Connection, connection_ids: Sequence[str]) -> dict[str, list[tuple[Row[Any], tuple[str, ...]]]]:
    """Per connection the flow connections that bind it, each with the places: step ids and "trigger"."""
    ids = set(connection_ids)
    uses_by_id: dict[str, list[tuple[Row[Any], tuple[str, ...]]]] = {connection_id: [] for connection_id in ids}
    query: Select[Any] = (
        select(L.c.id, L.c.name, L.c.flow_id, L.c.enabled, L.c.bindings, F.c.name.label("flow_name"))
        .join_from(L, F, L.c.flow_id == F.c.id)
        .order_by(L.c.id)
    )
    if len(ids) == 1:
        query = query.where(type_coerce(L.c.bindings, Text).contains(next(iter(ids)), autoescape=True))
    for row in connection.execute(query):
        for bound in ids & set(row.bindings.values()):
            places = tuple(place for place, value in row.bindings.items() if value == bound)
            uses_by_id[bound].append((row, places))
    return uses_by_id


def release_paused(connection: Connection, connection_id: str, now: datetime) -> list[dict[str, Any]]:
    """Queue the runs that wait for a connection. Returns the ready ones with id, priority, rank, due_at (microseconds)."""
    # The first condition repeats that of the partial index, without which SQLite reads every run.
    sql = text(
        "UPDATE runs SET state = 'queued', due_at = :now, waits_for = '', cause = '', sentence = ''"
        " WHERE state IN ('failed', 'unknown', 'paused', 'waiting') AND state = 'paused' AND waits_for = :id"
        " RETURNING id, priority, rank, due_at, ready"
    )
    rows = connection.execute(sql, {"id": connection_id, "now": to_micros(now)}).mappings().all()
    return [dict(row) for row in rows if row["ready"]]


class Attention(NamedTuple):
    """A connection that needs somebody."""

    id: str
    version: int
    name: str
    status_reason: str


def all_rows(connection: Connection) -> Sequence[Row[Any]]:
    """All connections, by app and name."""
    return connection.execute(select(C).order_by(C.c.app, C.c.name)).all()


def needing_attention(connection: Connection) -> list[Attention]:
    """The connections whose status is needs_attention, oldest first."""
    query = select(C.c.id, C.c.version, C.c.name, C.c.status_reason).where(C.c.status == "needs_attention")
    return [Attention(*row) for row in connection.execute(query.order_by(C.c.id))]
