"""What alerts are raised for, and which alerts were sent already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select, update

from affluent.store import tables
from affluent.store.tables.inbound import duties as J  # noqa: N812 - short for a table, as in the other repositories

N, F = tables.notes, tables.effects
_NOTE = "alerts"


class NotedJobs(NamedTuple):
    """Background jobs of one kind at one connection that have a note: how many, and one of the notes."""

    kind: str
    connection_id: str
    note: str
    number: int


def noted_jobs(connection: Connection) -> list[NotedJobs]:
    """Webhooks that have gone silent, and polls, schedules and registrations that keep failing, by kind and connection."""
    query: Select[Any] = (
        select(J.c.kind, J.c.connection_id, func.min(J.c.note), func.count())
        .where(J.c.note != "")
        .group_by(J.c.kind, J.c.connection_id)
        .order_by(J.c.kind, J.c.connection_id)
    )
    return [NotedJobs(*row) for row in connection.execute(query)]


def unknown_effects(connection: Connection) -> int:
    """How many effects are unknown: nobody knows whether the vendor applied them."""
    # The second condition repeats that of the partial index, without which SQLite reads every effect.
    query = select(func.count()).where(F.c.fate == "unknown", F.c.fate.in_(("intended", "unknown")))
    return connection.execute(query).scalar() or 0


def sent(connection: Connection) -> dict[str, str]:
    """Key of an alert → when it was sent, in ISO 8601."""
    return dict(connection.execute(select(N.c.value).where(N.c.key == _NOTE)).scalar() or {})


def save_sent(connection: Connection, times: Mapping[str, str]) -> None:
    """Replace what `sent` returns."""
    if not connection.execute(update(N).where(N.c.key == _NOTE).values(value=dict(times))).rowcount:
        connection.execute(insert(N).values(key=_NOTE, value=dict(times)))
