"""API tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from affluent.store import tables
from affluent.store.tables import people as tables_people

T, P = tables.tokens, tables_people.people


def add(connection: Connection, values: dict[str, Any]) -> Row[Any]:
    """Insert a token and return it."""
    return connection.execute(insert(T).values(**values).returning(T)).one()


def find(connection: Connection, *, limit: int, after: str = "") -> Sequence[Row[Any]]:
    """Tokens, newest first, from the one that follows `after`."""
    query = select(T).order_by(T.c.id.desc()).limit(limit)
    return connection.execute(query.where(T.c.id < after) if after else query).all()


def one(connection: Connection, token_id: str) -> Row[Any] | None:
    """The token of an id."""
    return connection.execute(select(T).where(T.c.id == token_id)).one_or_none()


def by_hash(connection: Connection, secret_hash: str) -> Row[Any] | None:
    """The token whose secret, or whose secret before a rotation, has this hash, with the state of who answers for it."""
    person = P.c.status.label("person_status"), P.c.role.label("person_role")
    query = select(T, *person).outerjoin(P, P.c.id == T.c.person_id)
    query = query.where(or_(T.c.secret_hash == secret_hash, T.c.former_hash == secret_hash))
    return connection.execute(query).one_or_none()


def rotate(connection: Connection, held: Row[Any], secret_hash: str, hint: str, former_until: datetime) -> Row[Any]:
    """Give a token another secret; the one it has becomes the former one."""
    values = {
        "secret_hash": secret_hash,
        "hint": hint,
        "former_hash": held.secret_hash,
        "former_until": former_until,
    }
    return connection.execute(update(T).where(T.c.id == held.id).values(**values).returning(T)).one()


def set_status(connection: Connection, token_id: str, status: str) -> Row[Any] | None:
    """Change the status and return the token."""
    return connection.execute(update(T).where(T.c.id == token_id).values(status=status).returning(T)).one_or_none()


def deactivate_of(connection: Connection, person_id: str) -> None:
    """Deactivate the tokens that a person answers for."""
    theirs = (T.c.person_id == person_id, T.c.status == "active")
    connection.execute(update(T).where(*theirs).values(status="deactivated"))


def remove(connection: Connection, token_id: str) -> bool:
    """Whether there was such a token."""
    return connection.execute(delete(T).where(T.c.id == token_id)).rowcount > 0


def used(connection: Connection, token_id: str, at: datetime, every: timedelta) -> None:
    """Note the time of use, unless a process did so shortly before."""
    stale = or_(T.c.last_used_at.is_(None), T.c.last_used_at < at - every)
    connection.execute(update(T).where(T.c.id == token_id, stale).values(last_used_at=at))
