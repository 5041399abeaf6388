"""Is money flowing? Events and effects of the last 24 hours by the hour, counted once for everybody who looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.services.connections.hourly_counts import HOUR_MICROS, HOURS, HourlyCounts
from affluent.store import activity_statistics as store
from affluent.store.database import Database

__all__ = ["HOURS", "ActivityStatistics", "Hour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour."""

    begins_at: datetime
    events: int
    """Events received."""
    applied: int
    """Effects that reached their vendor."""
    refused: int
    """Effects that a vendor refused, or of which nobody knows."""
    is_counted: bool = True
    """Just after a start of the server it may not be."""


@dataclass(slots=True)
class _Sum:
    events: int = 0
    applied: int = 0
    refused: int = 0


class ActivityStatistics:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hours: HourlyCounts[_Sum] = HourlyCounts(self._count, _Sum)

    async def last_day(self) -> tuple[Hour, ...]:
        """The last 24 hours, oldest first, the current one last."""
        return tuple(_hour(number, counted) for number, counted in (await self._hours.last_day()).items())

    async def close(self) -> None:
        """Stop counting; the store may be closed afterwards."""
        await self._hours.close()

    async def _count(self, first: int, until: int | None, into: dict[int, _Sum]) -> None:
        await self._database.read(lambda connection: _counted(connection, first, until, into))


def _hour(number: int, counted: _Sum | None) -> Hour:
    known = counted or _Sum()
    begins_at = clock.from_micros(number * HOUR_MICROS)
    return Hour(
        begins_at=begins_at,
        events=known.events,
        applied=known.applied,
        refused=known.refused,
        is_counted=counted is not None,
    )


def _counted(connection: Connection, first: int, until: int | None, into: dict[int, _Sum]) -> None:
    since = clock.from_micros(first * HOUR_MICROS)
    end = None if until is None else clock.from_micros(until * HOUR_MICROS)
    for row in store.events_by_hour(connection, since, end):
        if row.hour in into:
            into[row.hour].events += row.number
    for row in store.effects_by_hour(connection, since, end):
        if row.hour in into:
            into[row.hour].applied += row.applied
            into[row.hour].refused += row.refused
