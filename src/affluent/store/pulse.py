"""How much came in and went out, hour by hour: over the ranges of ids that belong to those hours, not over the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from affluent.kit.ids import first_id

HOUR_MICROS = 3_600_000_000
_EVENTS = text(
    f"SELECT received_at / {HOUR_MICROS} AS hour, count(*) AS number FROM events WHERE id >= :first GROUP BY 1"
)
_EFFECTS = text(
    f"SELECT created_at / {HOUR_MICROS} AS hour, "
    "sum(CASE WHEN fate IN ('applied', 'already_applied') THEN 1 ELSE 0 END) AS applied, "
    "sum(CASE WHEN fate IN ('rejected', 'unknown') THEN 1 ELSE 0 END) AS refused "
    "FROM effects WHERE run_id >= :first GROUP BY 1"
)


def events_by_hour(connection: Connection, since: datetime) -> Sequence[Row[Any]]:
    """(hour since 1970, number) of the events received since a moment."""
    return connection.execute(_EVENTS, {"first": first_id("evt", since)}).all()


def effects_by_hour(connection: Connection, since: datetime) -> Sequence[Row[Any]]:
    """(hour since 1970, applied, refused) of the effects of runs begun since a moment."""
    return connection.execute(_EFFECTS, {"first": first_id("run", since)}).all()
