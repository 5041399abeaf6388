"""The audit log: appended to in the transaction of the change, chained by digests, read newest first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, text

from affluent.kit import clock
from affluent.kit.actor import Actor
from affluent.kit.jsons import JSONValue, dumps
from affluent.store.tables import audit as tables_audit

E = tables_audit.audit_entries
_LOCK = 0x0AFFA0D1
"""Any number that nothing else in the database locks: on PostgreSQL entries are chained one transaction after another."""
START = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said of one change."""

    action: str
    noun: str
    subject_id: str
    subject_name: str
    changes: dict[str, JSONValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are asked for; empty conditions match all."""

    actor: str = ""
    """Id or name of who acted."""
    noun: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the chain holds: how far it was read, its last digest, and the first entry that is wrong."""

    entries: int
    head: str
    broken_at: int | None = None
    reason: str = ""


def append(connection: Connection, actor: Actor, notes: Sequence[Note]) -> None:
    """Add entries to the end of the chain."""
    if not notes:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = connection.execute(select(E.c.number, E.c.digest).order_by(E.c.number.desc()).limit(1)).one_or_none()
    number, digest = (last.number, last.digest) if last else (0, START)
    at, rows = clock.now(), []
    for note in notes:
        number += 1
        row: dict[str, Any] = {
            "number": number,
            "at": at,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "address": actor.address,
            "action": note.action,
            "noun": note.noun,
            "subject_id": note.subject_id,
            "subject_name": note.subject_name,
            "changes": note.changes,
        }
        digest = row["digest"] = _digest(digest, row)
        rows.append(row)
    connection.execute(insert(E), rows)


def find(connection: Connection, filters: AuditFilter, *, limit: int, before: int = 0) -> Sequence[Row[Any]]:
    """Entries, newest first, older than number `before`."""
    query = select(E).where(*_conditions(filters)).order_by(E.c.number.desc()).limit(limit)
    return connection.execute(query.where(E.c.number < before) if before else query).all()


def one(connection: Connection, number: int) -> Row[Any] | None:
    """One entry."""
    return connection.execute(select(E).where(E.c.number == number)).one_or_none()


def has_digest(connection: Connection, digest: str) -> bool:
    """Whether an entry has this digest, e.g. one that was noted elsewhere."""
    return connection.execute(select(E.c.number).where(E.c.digest == digest).limit(1)).first() is not None


def verify(connection: Connection) -> Verdict:
    """Work the chain out anew from the first entry."""
    number, digest = 0, START
    for row in connection.execution_options(yield_per=1_000).execute(select(E).order_by(E.c.number)).mappings():
        number += 1
        if row["number"] != number:
            return Verdict(entries=number - 1, head=digest, broken_at=number, reason="it is missing")
        digest = _digest(digest, dict(row))
        if digest != row["digest"]:
            return Verdict(
                entries=number - 1, head=row["digest"], broken_at=number, reason="it, or one before it, was altered"
            )
    return Verdict(entries=number, head=digest)


def _digest(previous: str, row: dict[str, Any]) -> str:
    values = [clock.to_micros(row["at"]), *(row[name] for name in _TOLD), dumps(row["changes"])]
    return hashlib.sha256(dumps([previous, row["number"], *values]).encode()).hexdigest()


_TOLD = ("actor_kind", "actor_id", "actor_name", "address", "action", "noun", "subject_id", "subject_name")


def _conditions(filters: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.actor:
        conditions.append(or_(E.c.actor_id == filters.actor, E.c.actor_name == filters.actor))
    if filters.noun:
        conditions.append(E.c.noun == filters.noun)
    if filters.subject:
        conditions.append(E.c.subject_id == filters.subject)
    if filters.since:
        conditions.append(E.c.at >= filters.since)
    if filters.until:
        conditions.append(E.c.at < filters.until)
    if filters.search:
        like = [
            column.icontains(filters.search, autoescape=True)
            for column in (E.c.subject_name, E.c.subject_id, E.c.actor_name)
        ]
        conditions.append(or_(*like))
    return conditions
