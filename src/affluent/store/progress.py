"""Whether runs move: when one last did, and whether any is due since long."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from affluent.kit.clock import from_micros, to_micros
from affluent.kit.jsons import dumps
from affluent.store.schema.types import readable

_NOTE = "progress"
_MOVED = text(
    "INSERT INTO notes (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_LAST = text("SELECT value FROM notes WHERE key = :key")
_OLDEST = text(
    "SELECT min(due_at) FROM runs WHERE finished_at IS NULL AND ((state = 'queued' AND ready) OR state = 'waiting')"
    " AND due_at <= :before"
)


def note(connection: Connection, moved_at: datetime) -> None:
    """Remember that a run moved then."""
    connection.execute(_MOVED, {"key": _NOTE, "value": dumps(to_micros(moved_at))})


def last_moved(connection: Connection) -> datetime | None:
    """When a run last moved, in whichever process; None: never."""
    value = readable(connection.execute(_LAST, {"key": _NOTE}).scalar() or "0")
    return from_micros(value) if isinstance(value, int) and value else None


def oldest_due(connection: Connection, before: datetime) -> datetime | None:
    """Since when the oldest run is due that was due before a moment; None: there is none."""
    oldest = connection.execute(_OLDEST, {"before": to_micros(before)}).scalar()
    return None if oldest is None else from_micros(oldest)
