"""Duties: what workers do for a flow connection by themselves, each by one worker at a time over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, tuple_, update

from affluent.kit import clock
from affluent.store import bulk, tables
from affluent.store.tables.inbound import duties as D  # noqa: N812 - short for a table, as in the other repositories
from affluent.store.tables.inbound import known_items

LEASE = timedelta(seconds=180)
"""How long a worker that says nothing keeps a duty. Every page it commits renews the lease."""


def next_due(connection: Connection) -> datetime | None:
    """When the next duty is due, as far as nobody has it."""
    free = or_(D.c.leased_until.is_(None), D.c.leased_until < clock.now())
    return connection.execute(select(func.min(D.c.due_at)).where(D.c.due_at.is_not(None), free)).scalar()


def claim(connection: Connection, count: int) -> Sequence[Row[Any]]:
    """Take up to `count` due duties that nobody has, and return them."""
    now = clock.now()
    # The condition stands twice: PostgreSQL judges only the outer one again when another worker was faster.
    is_free = and_(D.c.due_at <= now, or_(D.c.leased_until.is_(None), D.c.leased_until < now))
    due = select(D.c.flow_connection_id, D.c.kind).where(is_free).order_by(D.c.due_at).limit(count)
    return connection.execute(
        update(D)
        .where(tuple_(D.c.flow_connection_id, D.c.kind).in_(due), is_free)
        .values(lease=D.c.lease + 1, leased_until=now + LEASE)
        .returning(D)
    ).all()


def take_over(connection: Connection) -> None:
    """Free what a process that is gone had taken; for the only process of an embedded store, at its start."""
    connection.execute(update(D).where(D.c.leased_until.is_not(None)).values(lease=D.c.lease + 1, leased_until=None))


def all_of(connection: Connection, flow_connection_id: str = "") -> Sequence[Row[Any]]:
    """All duties, or those of a flow connection."""
    query = select(D).order_by(D.c.flow_connection_id, D.c.kind)
    return connection.execute(
        query.where(D.c.flow_connection_id == flow_connection_id) if flow_connection_id else query
    ).all()


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a duty that is due now, unless there is one."""
    now = clock.now()
    blank: dict[str, Any] = {
        "settings": {}, "phase": "new", "cursor": None, "items": 0, "due_at": now, "lease": 0, "leased_until": None,
        "failures": 0, "sentence": "", "note": "", "succeeded_at": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    if one(connection, values["flow_connection_id"], values["kind"]) is None:
        connection.execute(insert(D).values(**{**blank, **values}))


def one(connection: Connection, flow_connection_id: str, kind: str) -> Row[Any] | None:
    """A duty of a flow connection."""
    return connection.execute(
        select(D).where(D.c.flow_connection_id == flow_connection_id, D.c.kind == kind)
    ).one_or_none()


def change(connection: Connection, flow_connection_id: str, kind: str, values: dict[str, Any]) -> None:
    """Change a duty whoever has it: its lease is taken away, so that what is being done for it is not kept."""
    connection.execute(
        update(D)
        .where(D.c.flow_connection_id == flow_connection_id, D.c.kind == kind)
        .values(**values, lease=D.c.lease + 1, leased_until=None, updated_at=clock.now())
    )


def save(connection: Connection, flow_connection_id: str, kind: str, lease: int, values: dict[str, Any]) -> bool:
    """Change a duty that is still ours; False when it is not."""
    changed = connection.execute(
        update(D)
        .where(D.c.flow_connection_id == flow_connection_id, D.c.kind == kind, D.c.lease == lease)
        .values(**values, updated_at=clock.now())
    )
    return changed.rowcount == 1


def remove(connection: Connection, flow_connection_id: str, kind: str) -> None:
    """Delete a duty."""
    connection.execute(delete(D).where(D.c.flow_connection_id == flow_connection_id, D.c.kind == kind))


def known(connection: Connection, memory: str, external_ids: Sequence[str]) -> set[str]:
    """The items that are remembered."""
    query = select(known_items.c.external_id).where(
        known_items.c.memory == memory, known_items.c.external_id.in_(set(external_ids))
    )
    return set(connection.execute(query).scalars())


def learn(connection: Connection, memory: str, external_ids: Sequence[str]) -> set[str]:
    """Remember items; returns those that were not known."""
    now = clock.now()
    rows = [{"memory": memory, "external_id": item, "known_at": now} for item in external_ids]
    columns = ("memory", "external_id", "known_at")
    fresh = bulk.insert(connection, known_items, rows, columns=columns, unique=columns[:2], returning=("external_id",))
    return {row[0] for row in fresh}


def forget(connection: Connection, memory: str) -> None:
    """Forget all items of a memory."""
    connection.execute(delete(known_items).where(known_items.c.memory == memory))


def show_on_connection(connection: Connection, connection_id: str) -> None:
    """Let an active connection say what is wrong with its duties; nothing is paused by it."""
    if not connection_id:
        return
    query = select(D.c.note).where(D.c.connection_id == connection_id, D.c.note != "").distinct().order_by(D.c.note)
    notes = " ".join(connection.execute(query).scalars())
    table = tables.connections
    connection.execute(
        update(table)
        .where(table.c.id == connection_id, table.c.status == "active", table.c.status_reason != notes)
        .values(status_reason=notes)
    )
