"""Is money flowing? Events and effects of the last 24 hours by the hour, counted once for everybody who looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.store import pulse as store
from affluent.store.database import Database

HOURS = 24
_THIS_HOUR_FRESH_SECONDS = 2.0
_ENDED_HOUR_FRESH_SECONDS = 300.0


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


@dataclass(frozen=True, slots=True)
class _Known:
    hour: Hour
    read_at: float


class Pulse:
    """Hours that have ended change seldom (a run is resumed), so they are counted again only every few minutes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, _Known] = {}

    async def last_day(self) -> tuple[Hour, ...]:
        """The last 24 hours, oldest first, the current one last."""
        current = clock.to_micros(clock.now()) // store.HOUR_MICROS
        wanted = range(current - HOURS + 1, current + 1)
        stale = [number for number in wanted if self._is_stale(number, current)]
        if stale:
            first = min(stale)
            found = await self._database.read(lambda connection: _hours(connection, first, current))
            self._known = {number: known for number, known in self._known.items() if number in wanted}
            self._known |= {number: _Known(hour, monotonic()) for number, hour in found.items()}
        return tuple(self._known[number].hour for number in wanted)

    def _is_stale(self, number: int, current: int) -> bool:
        known = self._known.get(number)
        fresh = _THIS_HOUR_FRESH_SECONDS if number == current else _ENDED_HOUR_FRESH_SECONDS
        return known is None or monotonic() - known.read_at > fresh


def _hours(connection: Connection, first: int, last: int) -> dict[int, Hour]:
    since = clock.from_micros(first * store.HOUR_MICROS)
    events = {row.hour: row.number for row in store.events_by_hour(connection, since)}
    effects = {row.hour: (row.applied, row.refused) for row in store.effects_by_hour(connection, since)}
    return {
        number: Hour(
            begins_at=clock.from_micros(number * store.HOUR_MICROS),
            events=events.get(number, 0),
            applied=effects.get(number, (0, 0))[0],
            refused=effects.get(number, (0, 0))[1],
        )
        for number in range(first, last + 1)
    }
