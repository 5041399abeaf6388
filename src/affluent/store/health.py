"""How calls went, per connection and hour: over the range of run ids that belongs to those hours, not over the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from affluent.store.activity_statistics import HOUR_MICROS, range_of

_CALLS = text(
    f"SELECT s.connection_id, a.started_at / {HOUR_MICROS} AS hour, "
    # Two digits of the duration are enough for a percentile, and few enough to be counted.
    "CASE WHEN a.milliseconds < 100 THEN a.milliseconds WHEN a.milliseconds < 1000 THEN a.milliseconds / 10 * 10 "
    "WHEN a.milliseconds < 10000 THEN a.milliseconds / 100 * 100 ELSE a.milliseconds / 1000 * 1000 END AS lasted, "
    "count(*) AS calls, "
    "sum(CASE WHEN a.outcome IN ('retry', 'auth_failed', 'unknown') THEN 1 ELSE 0 END) AS failed, "
    "max(a.started_at) AS latest "
    "FROM attempts a JOIN step_runs s ON s.run_id = a.run_id AND s.position = a.position "
    "WHERE a.run_id >= :first AND a.run_id < :end AND s.connection_id IS NOT NULL AND a.outcome <> 'condition_false' GROUP BY 1, 2, 3"
)


def calls_by_hour(connection: Connection, since: datetime, until: datetime | None = None) -> Sequence[Row[Any]]:
    """(connection, hour since 1970, about how many milliseconds, calls, failed ones, the latest) of runs begun since a moment."""
    return connection.execute(_CALLS, range_of("run", since, until)).all()
