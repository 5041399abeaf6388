"""How connections have fared in the last 24 hours: calls and failures by the hour, the 95th percentile, the last call."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.services.connections.hourly_counts import HOUR_MICROS, HOURS, HourlyCounts
from affluent.store import health as store
from affluent.store.database import Database

__all__ = ["HOURS", "ConnectionHealth", "Health", "Slot"]
_PERCENTILE = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hour of a connection."""

    begins_at: datetime
    calls: int
    failed: int
    """Calls without an answer, or with one that asked to come again or refused the key."""

    @property
    def kind(self) -> str:
        """idle, up, slow (some failed) or down (most failed)."""
        if not self.calls:
            return "idle"
        if not self.failed:
            return "up"
        return "down" if self.failed * 2 >= self.calls else "slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHealth:
    """24 hours of a connection, oldest first."""

    slots: tuple[Slot, ...]
    p95: int | None
    """Milliseconds."""
    last_call: datetime | None
    is_complete: bool = True
    """Whether all hours are counted; just after a start of the server they may not be."""

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(slot.calls for slot in self.slots)

    @property
    def failed(self) -> int:
        """All failed calls."""
        return sum(slot.failed for slot in self.slots)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The slots as a strip shows them."""
        return tuple(slot.kind for slot in self.slots)

    @property
    def words(self) -> str:
        """The strip in words."""
        if not self.is_complete:
            return "Still being counted; look again in a moment"
        if not self.calls:
            return "No calls in 24 hours"
        bad = sum(1 for slot in self.slots if slot.failed)
        trouble = f"{self.failed:,} failed, in {bad} of 24 hours" if self.failed else "none failed"
        return f"{self.calls:,} {'call' if self.calls == 1 else 'calls'} in 24 hours, {trouble}"


@dataclass(slots=True)
class _Cell:
    lasted: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    latest: int = 0


_Hour = defaultdict[str, _Cell]
"""One hour by connection id."""


class Health:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hours: HourlyCounts[_Hour] = HourlyCounts(self._count, lambda: defaultdict(_Cell))

    async def last_day(self) -> defaultdict[str, ConnectionHealth]:
        """The last 24 hours by connection id; a connection without calls has empty hours."""
        counted = await self._hours.last_day()
        is_complete = None not in counted.values()
        hours = {number: hour if hour is not None else defaultdict(_Cell) for number, hour in counted.items()}
        nothing = _health(hours, "", is_complete=is_complete)
        known: defaultdict[str, ConnectionHealth] = defaultdict(lambda: nothing)
        for connection_id in {id_ for hour in hours.values() for id_ in hour}:
            known[connection_id] = _health(hours, connection_id, is_complete=is_complete)
        return known

    async def close(self) -> None:
        """Stop counting; the store may be closed afterwards."""
        await self._hours.close()

    async def _count(self, first: int, until: int | None, into: dict[int, _Hour]) -> None:
        await self._database.read(lambda connection: _counted(connection, first, until, into))


def _counted(connection: Connection, first: int, until: int | None, into: dict[int, _Hour]) -> None:
    end = None if until is None else clock.from_micros(until * HOUR_MICROS)
    for row in store.calls_by_hour(connection, clock.from_micros(first * HOUR_MICROS), end):
        if row.hour in into:
            cell = into[row.hour][row.connection_id]
            cell.lasted[row.lasted] += row.calls
            cell.failed += row.failed
            cell.latest = max(cell.latest, row.latest)


def _health(hours: dict[int, _Hour], connection_id: str, *, is_complete: bool) -> ConnectionHealth:
    nothing = _Cell()
    cells = {number: hour.get(connection_id, nothing) for number, hour in hours.items()}
    lasted: Counter[int] = sum((cell.lasted for cell in cells.values()), Counter())
    latest = max(cell.latest for cell in cells.values())
    slots = tuple(
        Slot(begins_at=clock.from_micros(number * HOUR_MICROS), calls=cell.lasted.total(), failed=cell.failed)
        for number, cell in cells.items()
    )
    return ConnectionHealth(
        slots=slots,
        p95=_percentile(lasted),
        last_call=clock.from_micros(latest) if latest else None,
        is_complete=is_complete,
    )


def _percentile(lasted: Counter[int]) -> int | None:
    beyond = lasted.total() * (100 - _PERCENTILE) // 100
    for milliseconds in sorted(lasted, reverse=True):
        beyond -= lasted[milliseconds]
        if beyond < 0:
            return milliseconds
    return None
