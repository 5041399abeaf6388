"""How connections have fared in the last 24 hours: calls and failures by the hour, the 95th percentile, the last call."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.store import health as store
from affluent.store.database import Database

HOURS = 24
_NEW_HOUR_FRESH_SECONDS = 2.0
_OLD_HOUR_FRESH_SECONDS = 900.0
_NEW_HOURS = 2
_PERCENTILE = 95
_PATIENCE_SECONDS = 0.1
"""How long an answer waits for hours that were never counted; it comes without them then, and says so."""


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


_Hour = dict[str, _Cell]
"""One hour by connection id."""


class Health:
    """The newest hours are counted when somebody looks: a small range of ids, whatever the store holds.

    Those before change seldom (an old run is tried again), so they are counted anew every quarter of an hour, beside the
    answer, which does not wait for it; only the first one waits a moment.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hours: dict[int, tuple[_Hour, float]] = {}
        self._recount: asyncio.Task[None] | None = None

    async def last_day(self) -> defaultdict[str, ConnectionHealth]:
        """The last 24 hours by connection id; a connection without calls has empty hours."""
        current = clock.to_micros(clock.now()) // store.HOUR_MICROS
        wanted = range(current - HOURS + 1, current + 1)
        newest = current - _NEW_HOURS + 1
        if any(self._is_stale(number, current) for number in range(newest, current + 1)):
            await self._count(newest, current)
        stale = [number for number in wanted if self._is_stale(number, current)]
        if stale and (self._recount is None or self._recount.done()):
            self._recount = asyncio.create_task(self._count(min(stale), current))
        if self._recount is not None and any(number not in self._hours for number in wanted):
            await asyncio.wait({self._recount}, timeout=_PATIENCE_SECONDS)
        is_complete = all(number in self._hours for number in wanted)
        hours = {number: self._hours[number][0] if number in self._hours else {} for number in wanted}
        nothing = _health(hours, "", is_complete=is_complete)
        known: defaultdict[str, ConnectionHealth] = defaultdict(lambda: nothing)
        for connection_id in {one for hour in hours.values() for one in hour}:
            known[connection_id] = _health(hours, connection_id, is_complete=is_complete)
        return known

    async def _count(self, first: int, current: int) -> None:
        found = await self._database.read(lambda connection: _counted(connection, first, current))
        kept = {number: known for number, known in self._hours.items() if number > current - HOURS}
        self._hours = kept | {number: (hour, monotonic()) for number, hour in found.items()}

    def _is_stale(self, number: int, current: int) -> bool:
        known = self._hours.get(number)
        fresh = _NEW_HOUR_FRESH_SECONDS if number > current - _NEW_HOURS else _OLD_HOUR_FRESH_SECONDS
        return known is None or monotonic() - known[1] > fresh


def _counted(connection: Connection, first: int, last: int) -> dict[int, _Hour]:
    # The hour before as well: its runs go on into this one.
    since = clock.from_micros((first - 1) * store.HOUR_MICROS)
    found: dict[int, _Hour] = {number: {} for number in range(first, last + 1)}
    for row in store.calls_by_hour(connection, since):
        if row.hour in found:
            cell = found[row.hour].setdefault(row.connection_id, _Cell())
            cell.lasted[row.lasted] += row.calls
            cell.failed += row.failed
            cell.latest = max(cell.latest, row.latest)
    return found


def _health(hours: dict[int, _Hour], connection_id: str, *, is_complete: bool) -> ConnectionHealth:
    nothing = _Cell()
    cells = {number: hour.get(connection_id, nothing) for number, hour in hours.items()}
    lasted: Counter[int] = sum((cell.lasted for cell in cells.values()), Counter())
    latest = max(cell.latest for cell in cells.values())
    slots = tuple(
        Slot(begins_at=clock.from_micros(number * store.HOUR_MICROS), calls=cell.lasted.total(), failed=cell.failed)
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
