"""How much came in and went out, hour by hour: over the ranges of ids that belong to those hours, not over the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from affluent.kit.ids import first_id

HOUR_MICROS = 3_600_000_000
_FOR_EVER = timedelta(days=36_500)
_EVENTS = text(
    f"SELECT received_at / {HOUR_MICROS} AS hour, count(*) AS number FROM events WHERE id >= :first AND id < :end GROUP BY 1"
)
_EFFECTS = text(
    f"SELECT created_at / {HOUR_MICROS} AS hour, "
    "sum(CASE WHEN fate IN ('applied', 'already_applied') THEN 1 ELSE 0 END) AS applied, "
    "sum(CASE WHEN fate IN ('rejected', 'unknown') THEN 1 ELSE 0 END) AS refused "
    "FROM effects WHERE run_id >= :first AND run_id < :end GROUP BY 1"
)


def events_by_hour(connection: Connection, since: datetime, until: datetime | None = None) -> Sequence[Row[Any]]:
    """(hour since 1970, number) of the events received since a moment."""
    return connection.execute(_EVENTS, range_of("evt", since, until)).all()


def effects_by_hour(connection: Connection, since: datetime, until: datetime | None = None) -> Sequence[Row[Any]]:
    """(hour since 1970, applied, refused) of the effects of runs begun since a moment."""
    return connection.execute(_EFFECTS, range_of("run", since, until)).all()


def range_of(prefix: str, since: datetime, until: datetime | None) -> dict[str, str]:
    """The ids given from a moment on, up to another or for ever."""
    return {"first": first_id(prefix, since), "end": first_id(prefix, until or since + _FOR_EVER)}
