"""People, sessions and one-time links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from affluent.store import tables_people

P, S, L = tables_people.people, tables_people.sessions, tables_people.one_time_links


def add(connection: Connection, values: dict[str, Any]) -> Row[Any]:
    """Insert a person and return them."""
    return connection.execute(insert(P).values(**values).returning(P)).one()


def one(connection: Connection, person_id: str) -> Row[Any] | None:
    """The person of an id."""
    return connection.execute(select(P).where(P.c.id == person_id)).one_or_none()


def by_email(connection: Connection, email: str) -> Row[Any] | None:
    """The person who signs in with this address."""
    return connection.execute(select(P).where(P.c.email == email)).one_or_none()


def number(connection: Connection) -> int:
    """How many people there are."""
    return int(connection.execute(select(func.count()).select_from(P)).scalar_one())


def signed_in(connection: Connection, person_id: str, at: datetime) -> None:
    """Note the time of a sign-in."""
    connection.execute(update(P).where(P.c.id == person_id).values(signed_in_at=at))


def add_session(connection: Connection, values: dict[str, Any]) -> None:
    """Begin a session, and forget those that have ended by themselves."""
    connection.execute(delete(S).where(S.c.expires_at <= values["created_at"]))
    connection.execute(insert(S).values(**values))


def session(connection: Connection, token_hash: str) -> Row[Any] | None:
    """A session with its person."""
    query = select(P, S.c.seen_at, S.c.expires_at).join_from(S, P, S.c.person_id == P.c.id)
    return connection.execute(query.where(S.c.token_hash == token_hash)).one_or_none()


def seen(connection: Connection, token_hash: str, at: datetime) -> None:
    """Note that a session is in use."""
    connection.execute(update(S).where(S.c.token_hash == token_hash).values(seen_at=at))


def end_session(connection: Connection, token_hash: str) -> None:
    """Sign a browser out."""
    connection.execute(delete(S).where(S.c.token_hash == token_hash))


def add_link(connection: Connection, values: dict[str, Any]) -> None:
    """Keep a one-time link, and forget those that are too old."""
    connection.execute(delete(L).where(L.c.expires_at <= values["created_at"]))
    connection.execute(insert(L).values(**values))


def link(connection: Connection, token_hash: str, purpose: str, now: datetime) -> Row[Any] | None:
    """A link that can still be used."""
    wanted = (L.c.token_hash == token_hash, L.c.purpose == purpose, L.c.expires_at > now)
    return connection.execute(select(L).where(*wanted)).one_or_none()


def use_link(connection: Connection, token_hash: str, purpose: str, now: datetime) -> Row[Any] | None:
    """Take a link so that nobody else can; None when it was used or is too old."""
    wanted = (L.c.token_hash == token_hash, L.c.purpose == purpose, L.c.expires_at > now)
    return connection.execute(delete(L).where(*wanted).returning(L)).one_or_none()


def forget_links(connection: Connection, purpose: str) -> None:
    """Nobody can use the links of this purpose any more."""
    connection.execute(delete(L).where(L.c.purpose == purpose))
