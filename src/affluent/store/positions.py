"""Effects that positions decide: those of a sale or account, and those that are to be taken up again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from affluent.kit.clock import from_micros, to_micros
from affluent.kit.jsons import JSONObject, dumps
from affluent.store import bulk
from affluent.store.schema.types import readable

_GUARD = timedelta(hours=1)
"""An effect that was taken up and whose run left no new time is taken up again after this."""
_SELECT = (
    "SELECT key, fate, sent, tells, sale_id, units, amount_minor, currency, answers_to, again_at, sentence, run_id, position,"
    " account_id, input, updated_at FROM effects WHERE "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEffect:
    """An effect that tells of a sale or account."""

    key: str
    fate: str
    was_sent: bool
    tells: str
    sale_id: str
    units: int | None
    amount_minor: int | None
    currency: str
    answers_to: str
    again_at: datetime | None
    sentence: str
    run_id: str
    position: int
    account_id: str
    input: JSONObject
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunToTakeUp:
    """A run that is to go on, and at which step."""

    run_id: str
    position: int
    effect_key: str


def effects_of(
    connection: Connection, connection_id: str, *, sale_ids: Iterable[str], account_ids: Iterable[str] = ()
) -> list[StoredEffect]:
    """The effects at one vendor that tell of these sales, and the sign-ups and cancellations of these accounts."""
    each = bulk.each(connection.dialect.name)
    effects = []
    for condition, values in (
        (f"sale_id <> '' AND sale_id IN {each}", sale_ids),
        (f"tells IN ('sign-up', 'cancellation') AND account_id IN {each}", account_ids),
    ):
        keys = sorted(set(values) - {""})
        if keys:
            sql = text(f"{_SELECT}{condition} AND connection_id = :connection ORDER BY created_at, key")
            rows = connection.execute(sql, {"keys": dumps(keys), "connection": connection_id})
            effects += [_effect(row) for row in rows]
    return effects


def effect_of_step(connection: Connection, run_id: str, position: int) -> StoredEffect | None:
    """The effect that a step of a run has begun, of those that positions decide."""
    sql = text(f"{_SELECT}run_id = :run AND position = :position AND tells <> ''")
    row = connection.execute(sql, {"run": run_id, "position": position}).first()
    return _effect(row) if row is not None else None


def look_again(connection: Connection, *, sale_ids: Iterable[str], account_ids: Iterable[str], at: datetime) -> bool:
    """Something was learned: take up what waits of these sales, and the outcomes of these accounts that are not final.

    Returns whether anything is to be taken up.
    """
    changed = 0
    each = bulk.each(connection.dialect.name)
    for condition, values in (
        (f"fate = 'held' AND sale_id <> '' AND sale_id IN {each}", sale_ids),
        (f"again_at IS NOT NULL AND account_id IN {each}", account_ids),
    ):
        keys = sorted(set(values) - {""})
        if keys:
            sql = text(f"UPDATE effects SET again_at = :at WHERE {condition}")
            changed += connection.execute(sql, {"keys": dumps(keys), "at": to_micros(at)}).rowcount
    return changed > 0


def take_due(connection: Connection, *, now: datetime, limit: int) -> list[RunToTakeUp]:
    """The runs whose outcomes are due to be taken up again, oldest first; they are not given out twice."""
    locked = " FOR UPDATE SKIP LOCKED" if connection.dialect.name == "postgresql" else ""
    sql = text(
        "UPDATE effects SET again_at = :later WHERE key IN (SELECT key FROM effects WHERE again_at IS NOT NULL"
        f" AND again_at <= :now ORDER BY again_at LIMIT :limit{locked}) RETURNING run_id, position, key, created_at"
    )
    values = {"now": to_micros(now), "later": to_micros(now + _GUARD), "limit": limit}
    rows = sorted(connection.execute(sql, values), key=lambda row: (row.created_at, row.key))
    return [RunToTakeUp(run_id=row.run_id, position=row.position, effect_key=row.key) for row in rows]


def has_due(connection: Connection, now: datetime) -> bool:
    """Whether anything is due to be taken up again."""
    sql = text("SELECT 1 FROM effects WHERE again_at IS NOT NULL AND again_at <= :now LIMIT 1")
    return connection.execute(sql, {"now": to_micros(now)}).first() is not None


def reopen(connection: Connection, run: RunToTakeUp, now: datetime) -> tuple[str, str] | None:
    """Let a run go on at a step. Returns its state before and its ordering key; None if it is not waiting for this."""
    values = {"id": run.run_id, "position": run.position, "now": to_micros(now)}
    before = connection.execute(text("SELECT state, ordering_key, cause FROM runs WHERE id = :id"), values).first()
    if before is None or not (before.state == "skipped" or (before.state == "waiting" and before.cause == "held")):
        return None
    connection.execute(
        text(
            "UPDATE runs SET state = 'queued', ready = false, position = :position, due_at = :now, tries = 0,"
            " first_failed_at = NULL, finished_at = NULL, cancel = false, cause = '', waits_for = '' WHERE id = :id"
        ),
        values,
    )
    return str(before.state), str(before.ordering_key)


def forget(connection: Connection, key: str) -> None:
    """Do not take an effect up again."""
    connection.execute(text("UPDATE effects SET again_at = NULL WHERE key = :key"), {"key": key})


def _effect(row: Row[Any]) -> StoredEffect:
    given = readable(row.input) if row.input else {}
    return StoredEffect(
        key=row.key,
        fate=row.fate,
        was_sent=bool(row.sent),
        tells=row.tells,
        sale_id=row.sale_id,
        units=row.units,
        amount_minor=row.amount_minor,
        currency=row.currency or "",
        answers_to=row.answers_to,
        again_at=from_micros(row.again_at) if row.again_at is not None else None,
        sentence=row.sentence,
        run_id=row.run_id,
        position=row.position,
        account_id=row.account_id,
        input=given if isinstance(given, dict) else {},
        updated_at=from_micros(row.updated_at),
    )
