"""People, sessions and one-time links."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, case, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from affluent.store.tables import people as tables_people

P, S, L = tables_people.people, tables_people.sessions, tables_people.one_time_links
F = tables_people.sign_in_failures


def add(connection: Connection, values: dict[str, Any]) -> Row[Any]:
    """Insert a person and return them."""
    return connection.execute(insert(P).values(**values).returning(P)).one()


def one(connection: Connection, person_id: str) -> Row[Any] | None:
    """The person of an id."""
    return connection.execute(select(P).where(P.c.id == person_id)).one_or_none()


def of_ids(connection: Connection, ids: Collection[str]) -> dict[str, Row[Any]]:
    """The people of these ids that there are."""
    rows = connection.execute(select(P).where(P.c.id.in_(ids))) if ids else ()
    return {row.id: row for row in rows}


def by_email(connection: Connection, email: str) -> Row[Any] | None:
    """The person who signs in with this address."""
    return connection.execute(select(P).where(P.c.email == email)).one_or_none()


def by_subject(connection: Connection, issuer: str, subject: str) -> Row[Any] | None:
    """The person who comes from this account of a sign-in provider."""
    return connection.execute(select(P).where(P.c.issuer == issuer, P.c.subject == subject)).one_or_none()


def all_people(connection: Connection) -> Sequence[Row[Any]]:
    """Everybody, by name."""
    return connection.execute(select(P).order_by(func.lower(P.c.name), P.c.id)).all()


def change(connection: Connection, person_id: str, **values: Any) -> Row[Any] | None:  # noqa: ANN401 - a column's own type
    """Change a person and return them."""
    return connection.execute(update(P).where(P.c.id == person_id).values(**values).returning(P)).one_or_none()


def use_step(connection: Connection, person_id: str, step: int) -> bool:
    """Take the code of a moment, so that it is good once; False when it, or a later one, was used."""
    later = (P.c.totp_step.is_(None)) | (P.c.totp_step < step)
    return connection.execute(update(P).where(P.c.id == person_id, later).values(totp_step=step)).rowcount == 1


def administrators(connection: Connection) -> Sequence[str]:
    """Ids of the active ones."""
    query: Select[Any] = select(P.c.id).where(P.c.role == "administrator", P.c.status == "active")
    return list(connection.execute(query).scalars())


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
    query = select(P, S.c.seen_at, S.c.expires_at, S.c.id.label("session_id")).join_from(S, P, S.c.person_id == P.c.id)
    return connection.execute(query.where(S.c.token_hash == token_hash)).one_or_none()


def seen(connection: Connection, token_hash: str, at: datetime) -> None:
    """Note that a session is in use."""
    connection.execute(update(S).where(S.c.token_hash == token_hash).values(seen_at=at))


def end_session(connection: Connection, token_hash: str) -> None:
    """Sign a browser out."""
    connection.execute(delete(S).where(S.c.token_hash == token_hash))


def sessions_of(connection: Connection, person_id: str, now: datetime, seen_since: datetime) -> Sequence[Row[Any]]:
    """The sessions of a person that can still be used, the last seen first."""
    query = select(S).where(S.c.person_id == person_id, S.c.expires_at > now, S.c.seen_at > seen_since)
    return connection.execute(query.order_by(S.c.seen_at.desc(), S.c.id)).all()


def revoke(connection: Connection, person_id: str, *, session_id: str = "", but: str = "") -> int:
    """End one session of a person, or all but one; how many there were."""
    query = delete(S).where(S.c.person_id == person_id, S.c.id != but)
    return connection.execute(query.where(S.c.id == session_id) if session_id else query).rowcount


def add_link(connection: Connection, values: dict[str, Any]) -> None:
    """Keep a one-time link, and forget those that are too old."""
    connection.execute(delete(L).where(L.c.expires_at <= values["created_at"]))
    connection.execute(insert(L).values(**values))


def link(connection: Connection, token_hash: str, purpose: str, now: datetime) -> Row[Any] | None:
    """A link that can still be used."""
    conditions = (L.c.token_hash == token_hash, L.c.purpose == purpose, L.c.expires_at > now)
    return connection.execute(select(L).where(*conditions)).one_or_none()


def use_link(connection: Connection, token_hash: str, purpose: str, now: datetime) -> Row[Any] | None:
    """Take a link so that nobody else can; None when it was used or is too old."""
    conditions = (L.c.token_hash == token_hash, L.c.purpose == purpose, L.c.expires_at > now)
    return connection.execute(delete(L).where(*conditions).returning(L)).one_or_none()


def forget_links(connection: Connection, purpose: str) -> None:
    """Nobody can use the links of this purpose any more."""
    connection.execute(delete(L).where(L.c.purpose == purpose))


def forget_links_of(connection: Connection, person_id: str) -> None:
    """Nobody can use a link that was made for this person any more."""
    connection.execute(delete(L).where(L.c.person_id == person_id))


def longest_wait(connection: Connection, keys: Sequence[str]) -> datetime | None:
    """Until when the one of these keys that waits longest has to wait."""
    until: datetime | None = connection.execute(select(func.max(F.c.until)).where(F.c.key.in_(keys))).scalar()
    return until


def take_try(connection: Connection, key: str, now: datetime, past: datetime) -> int | None:
    """Count a try, unless the key has to wait; how many there are now, None when it has to. `past`: no wait."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(F).values(key=key, count=1, last_at=now, until=past)
    statement = statement.on_conflict_do_update(
        index_elements=["key"], set_={"count": F.c.count + 1, "last_at": now}, where=F.c.until <= now
    )
    count: int | None = connection.execute(statement.returning(F.c.count)).scalar_one_or_none()
    return count


def give_try_back(connection: Connection, key: str, taken_at: datetime, past: datetime) -> None:
    """One try less; and no wait any more when no other try came after it."""
    until = case((F.c.last_at == taken_at, literal(past, F.c.until.type)), else_=F.c.until)
    connection.execute(update(F).where(F.c.key == key, F.c.count > 0).values(count=F.c.count - 1, until=until))


def wait_until(connection: Connection, key: str, until: datetime) -> None:
    """Let a key wait."""
    connection.execute(update(F).where(F.c.key == key).values(until=until))


def forget_failures(connection: Connection, key: str) -> None:
    """Forget the failed tries of a key, after a successful one."""
    connection.execute(delete(F).where(F.c.key == key))


def forget_failures_before(connection: Connection, moment: datetime) -> None:
    """Forget failed tries whose last one is older than a moment."""
    connection.execute(delete(F).where(F.c.last_at < moment))
