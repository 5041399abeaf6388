"""Effects: the intent of a write is committed before the call, and one key is applied once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from affluent.domain.run import SETTLED_AS_DONE, Fate, RunState
from affluent.engine.effect_keys import Difference, difference
from affluent.kit.clock import from_micros, now, to_micros
from affluent.kit.jsons import JSONValue, dumps, loads, stored
from affluent.sdk.app import Same
from affluent.store import bulk, ledger, tables
from affluent.store.bulk import Row

_COLUMNS = [column.name for column in tables.effects.columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that is about to happen: its row, and the lease of the run that wants it."""

    row: Row
    lease: int
    same: Same = ()
    """Input fields in which it must agree with what is known under its key (sdk.Action.same)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of the effect."""

    is_mine: bool
    """False: the lease was lost; do nothing."""
    is_new: bool = False
    """True: nobody has tried this effect before."""
    fate: Fate = Fate.INTENDED
    was_sent: bool = False
    """Whether a request may have reached the vendor without a known end."""
    run_id: str = ""
    owner_is_busy: bool = False
    """Whether another run is at this effect right now."""
    output: JSONValue = None
    updated_at: datetime | None = None
    doubtful_since: datetime | None = None
    """When the first request was intended that may have been applied without our knowing."""
    difference: Difference | None = None
    """Where the effect that is known under this key is another one: nothing may be sent, and it is not done either."""


LOST = Standing(is_mine=False)


def intend(connection: Connection, intents: Sequence[Intent]) -> list[Standing]:
    """Commit intents; a processor of the grouped writer.

    A new intent, or one whose last try is known not to have been applied, is marked as sent: from now on only an answer
    or a look-up can say otherwise. Whoever intends an effect that nobody is at becomes its owner, so two runs that want
    the same effect never ask the vendor about it, or send it, side by side. An effect that is done or in doubt with other
    content stays as it is. Writing an intent again is harmless.
    """
    held = _held(connection, intents)
    rows_by_key = {intent.row["key"]: intent.row for intent in reversed(intents) if intent.row["run_id"] in held}
    new = {
        row[0]
        for row in bulk.insert(
            connection,
            tables.effects,
            [rows_by_key[key] for key in sorted(rows_by_key)],
            columns=_COLUMNS,
            unique=("key",),
            returning=("key",),
        )
    }
    ledger.intended(connection, sorted(new))
    old = _locked(connection, [key for key in rows_by_key if key not in new])
    taken: dict[str, str] = {}
    standings = [_standing(intent, old, taken) if intent.row["run_id"] in held else LOST for intent in intents]
    _take(connection, intents, standings)
    return standings


def _locked(connection: Connection, keys: list[str]) -> dict[str, JSONValue]:
    """The effects of these keys with the states of their owners; nobody else changes them until the transaction ends."""
    if not keys:
        return {}
    each, values = bulk.each(connection.dialect.name), {"keys": dumps(keys)}
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT 1 FROM effects WHERE key IN {each} ORDER BY key FOR UPDATE"), values)
    rows = connection.execute(
        text(
            "SELECT e.key, e.fate, e.sent, e.run_id, e.input, e.output, e.amount_minor, e.currency, e.created_at, e.updated_at,"
            " r.state AS owner_state"
            f" FROM effects e LEFT JOIN runs r ON r.id = e.run_id WHERE e.key IN {each}"
        ),
        values,
    )
    return {row.key: row for row in rows}


def _standing(intent: Intent, old: dict[str, JSONValue], taken: dict[str, str]) -> Standing:
    key, run_id = intent.row["key"], intent.row["run_id"]
    row = old.get(key)
    is_busy = row is not None and row.run_id != run_id and row.owner_state == RunState.RUNNING.value
    if row is not None:
        other = _difference(row, intent, is_busy=is_busy)
        if other is not None:
            return _standing_of(row, owner_is_busy=is_busy, other=other)
    if is_busy:
        return _standing_of(row, owner_is_busy=True)  # its owner may be in this very group: it keeps the effect
    if taken.setdefault(key, run_id) != run_id:  # another run of this very group has it
        return Standing(is_mine=True, was_sent=True, run_id=taken[key], owner_is_busy=True)
    if row is None:
        return Standing(is_mine=True, is_new=True, run_id=run_id)
    if row.run_id == run_id and row.created_at == intent.row["created_at"]:
        return Standing(is_mine=True, is_new=True, run_id=run_id)  # this very intent: its first commit had no answer
    return _standing_of(row, owner_is_busy=False)


def _difference(row: JSONValue, intent: Intent, *, is_busy: bool) -> Difference | None:
    """Where an effect that is done, or in doubt, is another one. What its owner is at may still come to nothing."""
    is_done = Fate(row.fate) in SETTLED_AS_DONE
    if not is_done and (is_busy or not row.sent):
        return None
    known = {
        "run_id": row.run_id,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "input": loads(row.input) if row.input else None,
    }
    return difference(known, intent.row, intent.same)


def _standing_of(row: JSONValue, *, owner_is_busy: bool, other: Difference | None = None) -> Standing:
    return Standing(
        is_mine=True,
        fate=Fate(row.fate),
        was_sent=bool(row.sent),
        run_id=row.run_id,
        owner_is_busy=owner_is_busy,
        output=stored(row.output) if row.output else None,
        updated_at=from_micros(row.updated_at),
        doubtful_since=from_micros(row.created_at),
        difference=other,
    )


def _take(connection: Connection, intents: Sequence[Intent], standings: Sequence[Standing]) -> None:
    """Hand the effects to their new runs; those whose last try is known not to have been applied are sent again."""
    known = [
        (intent.row, standing)
        for intent, standing in zip(intents, standings, strict=True)
        if standing.is_mine
        and not standing.is_new
        and standing.difference is None
        and not standing.owner_is_busy
        and standing.fate not in SETTLED_AS_DONE
    ]
    send_again(connection, [row for row, standing in known if may_send(standing)])
    bulk.update(
        connection,
        tables.effects,
        [row for row, standing in known if not may_send(standing) and standing.run_id != row["run_id"]],
        by=("key",),
        columns=("run_id", "position"),
    )


def confirm(connection: Connection, intents: Sequence[Intent]) -> list[bool]:
    """Whether the runs still hold their leases, after a long wait for a slot; the intents are as old as now then.

    A processor of the grouped writer.
    """
    held = _held(connection, intents)
    _send(connection, [intent.row for intent in intents if intent.row["run_id"] in held], _SENT)
    return [intent.row["run_id"] in held for intent in intents]


def _held(connection: Connection, intents: Sequence[Intent]) -> set[str]:
    """The runs that still have the lease under which they intend."""
    sql = text(f"SELECT id, lease FROM runs WHERE state = 'running' AND id IN {bulk.each(connection.dialect.name)}")
    leases = {row[0]: row[1] for row in connection.execute(sql, {"keys": dumps([i.row["run_id"] for i in intents])})}
    return {i.row["run_id"] for i in intents if leases.get(i.row["run_id"]) == i.lease}


def send_again(connection: Connection, rows: Sequence[Row]) -> list[None]:
    """Note that effects are about to be sent once more, of which nothing is in doubt; a processor of the grouped writer."""
    at = to_micros(now())
    _send(connection, [{**row, "created_at": at} for row in rows], (*_SENT, "created_at"))
    return [None] * len(rows)


_SENT = ("sent", "fate", "run_id", "position", "input", "amount_minor", "currency", "updated_at")


def _send(connection: Connection, rows: Sequence[Row], columns: Sequence[str]) -> None:
    at = to_micros(now())
    sent = [{**row, "sent": True, "fate": Fate.INTENDED.value, "updated_at": at} for row in rows]
    bulk.update(connection, tables.effects, sent, by=("key",), columns=columns)
    ledger.intended(connection, [row["key"] for row in rows])


def may_send(standing: Standing) -> bool:
    """Whether nothing that was sent before can still be in doubt, and nobody else is at it."""
    if standing.is_new:
        return True
    if standing.owner_is_busy or standing.difference is not None or standing.fate in SETTLED_AS_DONE:
        return False
    return not standing.was_sent
