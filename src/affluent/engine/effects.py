"""Effects: the intent of a write is committed before the call, and one key is applied once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from affluent.domain.run import Fate
from affluent.kit.clock import from_micros, now, to_micros
from affluent.kit.jsons import JSONValue, dumps, loads
from affluent.store import bulk, tables
from affluent.store.bulk import Row

_COLUMNS = [column.name for column in tables.effects.columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that is about to happen: its row, and the lease of the run that wants it."""

    row: Row
    lease: int


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
    """Whether another run that is not finished holds this effect."""
    output: JSONValue = None
    updated_at: datetime | None = None


def intend(connection: Connection, intents: Sequence[Intent]) -> list[Standing]:
    """Commit intents; a processor of the grouped writer.

    A new intent, or one whose last try is known not to have been applied, is marked as sent: from now on only an answer
    or a look-up can say otherwise.
    """
    rows = {intent.row["key"]: intent for intent in reversed(intents)}
    each = bulk.each(connection.dialect.name)
    leases = {
        row[0]: row[1]
        for row in connection.execute(
            text(f"SELECT id, lease FROM runs WHERE id IN {each}"), {"keys": dumps([i.row["run_id"] for i in intents])}
        )
    }
    wanted = {key: intent for key, intent in rows.items() if leases.get(intent.row["run_id"]) == intent.lease}
    new = {
        row[0]
        for row in bulk.insert(
            connection,
            tables.effects,
            [intent.row for intent in wanted.values()],
            columns=_COLUMNS,
            unique=("key",),
            returning=("key",),
        )
    }
    old = {
        row.key: row
        for row in connection.execute(
            text(
                "SELECT e.key, e.fate, e.sent, e.run_id, e.output, e.updated_at, r.finished_at AS owner_finished_at FROM effects e"
                f" LEFT JOIN runs r ON r.id = e.run_id WHERE e.key IN {each}"
            ),
            {"keys": dumps([key for key in rows if key not in new])},
        )
    }
    standings = [_standing(intent, new, old, leases) for intent in intents]
    _send_again(connection, intents, standings)
    return standings


def _standing(intent: Intent, new: set[str], old: dict[str, JSONValue], leases: dict[str, int]) -> Standing:
    key, run_id = intent.row["key"], intent.row["run_id"]
    if leases.get(run_id) != intent.lease:
        return Standing(is_mine=False)
    if key in new:
        new.discard(key)
        return Standing(is_mine=True, is_new=True, run_id=run_id)
    row = old.get(key)
    if row is None:  # a twin of an intent of this very group
        return Standing(is_mine=True, was_sent=True, run_id="", owner_is_busy=True)
    return Standing(
        is_mine=True,
        fate=Fate(row.fate),
        was_sent=bool(row.sent),
        run_id=row.run_id,
        owner_is_busy=row.run_id != run_id and row.owner_finished_at is None,
        output=loads(row.output) if row.output else None,
        updated_at=from_micros(row.updated_at),
    )


def _send_again(connection: Connection, intents: Sequence[Intent], standings: Sequence[Standing]) -> None:
    """Mark as sent, by their new run, the effects whose last try is known not to have been applied."""
    again = {
        intent.row["key"]: intent.row
        for intent, standing in zip(intents, standings, strict=True)
        if standing.is_mine and not standing.is_new and may_send(standing)
    }
    send_again(connection, list(again.values()))


def send_again(connection: Connection, rows: Sequence[Row]) -> list[None]:
    """Note that effects are about to be sent once more; a processor of the grouped writer."""
    bulk.update(
        connection,
        tables.effects,
        [{**row, "sent": True, "fate": Fate.INTENDED.value, "updated_at": to_micros(now())} for row in rows],
        by=("key",),
        columns=("sent", "fate", "run_id", "position", "input", "updated_at"),
    )
    return [None] * len(rows)


def may_send(standing: Standing) -> bool:
    """Whether nothing that was sent before can still be in doubt, and nobody else is at it."""
    if standing.is_new:
        return True
    if standing.owner_is_busy or standing.fate in (Fate.APPLIED, Fate.ALREADY_APPLIED):
        return False
    return not standing.was_sent
