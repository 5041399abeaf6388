"""Effects: the intent of a write is committed before the call, and one key is applied once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from affluent.domain.run import SETTLED_AS_DONE, Fate, RunState
from affluent.engine.effect_keys import Difference, difference
from affluent.kit.clock import from_micros, now, to_micros
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.sdk.app import Same
from affluent.store import bulk, ledger, tables
from affluent.store.bulk import Row
from affluent.store.schema.types import readable

_COLUMNS = [column.name for column in tables.effects.columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that is about to be sent: its row, and the lease of its run."""

    row: Row
    lease: int
    same: Same = ()
    """Input fields in which it must agree with an effect that is known under its key (sdk.Action.same)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectStatus:
    """What is known of an effect after its intent was committed."""

    is_mine: bool
    """False: the run has lost its lease and must do nothing."""
    is_new: bool = False
    """True: nobody has tried this effect before."""
    fate: Fate = Fate.INTENDED
    was_sent: bool = False
    """Whether a request may have reached the vendor without a known end."""
    run_id: str = ""
    owner_is_busy: bool = False
    """Whether another run is applying this effect right now."""
    output: JSONValue = None
    updated_at: datetime | None = None
    doubtful_since: datetime | None = None
    """When the intent of the first request was committed that may have been applied although we had no answer."""
    difference: Difference | None = None
    """Where the effect that is known under this key has other content: then nothing may be sent, and this one is not done."""


_LEASE_LOST = EffectStatus(is_mine=False)


def intend(connection: Connection, intents: Sequence[Intent]) -> list[EffectStatus]:
    """Commit intents; a processor of the grouped writer.

    A new intent, or one whose last try is known not to have been applied, is marked as sent: from now on only an answer
    or a look-up can say otherwise. A run takes ownership of the effect if no other run is applying it, so two runs never
    send the same effect, or ask the vendor about it, at the same time. An effect with other content that is done or in
    doubt stays as it is. Writing an intent again is harmless.
    """
    leased = _runs_with_lease(connection, intents)
    rows_by_key = {intent.row["key"]: intent.row for intent in reversed(intents) if intent.row["run_id"] in leased}
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
    statuses = [_status(intent, old, taken) if intent.row["run_id"] in leased else _LEASE_LOST for intent in intents]
    _take_ownership(connection, intents, statuses)
    return statuses


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


def _status(intent: Intent, old: dict[str, JSONValue], taken: dict[str, str]) -> EffectStatus:
    key, run_id = intent.row["key"], intent.row["run_id"]
    row = old.get(key)
    is_busy = row is not None and row.run_id != run_id and row.owner_state == RunState.RUNNING.value
    if row is not None:
        other = _difference(row, intent, is_busy=is_busy)
        if other is not None:
            return _status_of_row(row, owner_is_busy=is_busy, other=other)
    if is_busy:
        return _status_of_row(row, owner_is_busy=True)  # its owner may be in this very group: it keeps the effect
    if taken.setdefault(key, run_id) != run_id:  # another run of this very group has it
        return EffectStatus(is_mine=True, was_sent=True, run_id=taken[key], owner_is_busy=True)
    if row is None:
        return EffectStatus(is_mine=True, is_new=True, run_id=run_id)
    if row.run_id == run_id and row.created_at == intent.row["created_at"]:
        # This very intent: its first commit had no answer.
        return EffectStatus(is_mine=True, is_new=True, run_id=run_id)
    return _status_of_row(row, owner_is_busy=False)


def _difference(row: JSONValue, intent: Intent, *, is_busy: bool) -> Difference | None:
    """Where an effect that is done or in doubt has other content. One that its owner is still applying may yet fail."""
    is_done = Fate(row.fate) in SETTLED_AS_DONE
    if not is_done and (is_busy or not row.sent):
        return None
    known = {
        "run_id": row.run_id,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "input": _object(row.input),
    }
    return difference(known, intent.row, intent.same)


def _status_of_row(row: JSONValue, *, owner_is_busy: bool, other: Difference | None = None) -> EffectStatus:
    return EffectStatus(
        is_mine=True,
        fate=Fate(row.fate),
        was_sent=bool(row.sent),
        run_id=row.run_id,
        owner_is_busy=owner_is_busy,
        output=_object(row.output),
        updated_at=from_micros(row.updated_at),
        doubtful_since=from_micros(row.created_at),
        difference=other,
    )


def _object(text_of_column: str | None) -> JSONObject:
    """A stored object; empty, or with the reason in it, where something else is stored: one row must not stop the others."""
    value = readable(text_of_column) if text_of_column else {}
    return value if isinstance(value, dict) else {}


def _take_ownership(connection: Connection, intents: Sequence[Intent], statuses: Sequence[EffectStatus]) -> None:
    """Make these runs the owners of their effects; mark those as sent again whose last try certainly was not applied."""
    known = [
        (intent.row, effect_status)
        for intent, effect_status in zip(intents, statuses, strict=True)
        if effect_status.is_mine
        and not effect_status.is_new
        and effect_status.difference is None
        and not effect_status.owner_is_busy
        and effect_status.fate not in SETTLED_AS_DONE
    ]
    send_again(connection, [row for row, effect_status in known if may_send(effect_status)])
    bulk.update(
        connection,
        tables.effects,
        [row for row, effect_status in known if not may_send(effect_status) and effect_status.run_id != row["run_id"]],
        by=("key",),
        columns=("run_id", "position"),
    )


def confirm(connection: Connection, intents: Sequence[Intent]) -> list[bool]:
    """Whether the runs still hold their leases after a long wait for a slot; their intents then count from now.

    A processor of the grouped writer.
    """
    leased = _runs_with_lease(connection, intents)
    _mark_sent(connection, [intent.row for intent in intents if intent.row["run_id"] in leased], _SENT)
    return [intent.row["run_id"] in leased for intent in intents]


def _runs_with_lease(connection: Connection, intents: Sequence[Intent]) -> set[str]:
    """The runs that still have the lease under which they commit their intents."""
    sql = text(f"SELECT id, lease FROM runs WHERE state = 'running' AND id IN {bulk.each(connection.dialect.name)}")
    leases = {row[0]: row[1] for row in connection.execute(sql, {"keys": dumps([i.row["run_id"] for i in intents])})}
    return {i.row["run_id"] for i in intents if leases.get(i.row["run_id"]) == i.lease}


def send_again(connection: Connection, rows: Sequence[Row]) -> list[None]:
    """Mark effects as sent once more, of which nothing is in doubt; a processor of the grouped writer."""
    at = to_micros(now())
    _mark_sent(connection, [{**row, "created_at": at} for row in rows], (*_SENT, "created_at"))
    return [None] * len(rows)


_SENT = ("sent", "fate", "run_id", "position", "input", "amount_minor", "currency", "updated_at")


def _mark_sent(connection: Connection, rows: Sequence[Row], columns: Sequence[str]) -> None:
    at = to_micros(now())
    sent = [{**row, "sent": True, "fate": Fate.INTENDED.value, "updated_at": at} for row in rows]
    bulk.update(connection, tables.effects, sent, by=("key",), columns=columns)
    ledger.intended(connection, [row["key"] for row in rows])


def may_send(effect_status: EffectStatus) -> bool:
    """Whether nothing that was sent before is in doubt, and no other run is applying the effect."""
    if effect_status.is_new:
        return True
    if effect_status.owner_is_busy or effect_status.difference is not None or effect_status.fate in SETTLED_AS_DONE:
        return False
    return not effect_status.was_sent
