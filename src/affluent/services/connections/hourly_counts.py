"""Counts of the last 24 hours by the hour, kept in memory: no answer waits long for them, whatever the store holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

from affluent.kit import clock
from affluent.store.activity_statistics import HOUR_MICROS

__all__ = ["HOURS", "HOUR_MICROS", "HourlyCounts"]
HOURS = 24
_NEW_HOUR_FRESH_SECONDS = 2.0
_OLD_HOUR_FRESH_SECONDS = 900.0
_NEW_HOURS = 2
_PATIENCE_SECONDS = 0.03
"""How long an answer waits for hours that were never counted; it comes without them then, and says so."""
_SPAN = 3
"""Hours that one question is about, so that other readers have their turn in between."""

T = TypeVar("T")
Count = Callable[[int, int | None, dict[int, T]], Awaitable[None]]
"""Add what began from one hour on (hours since 1970), up to but without another, to the hours in which it ended."""


class HourlyCounts(Generic[T]):
    """The newest hours are counted when somebody looks: a small range of ids.

    Those before change seldom (an old run is tried again), so they are counted anew every quarter of an hour, beside the
    answer, which does not wait for it; only the first one waits a moment.
    """

    def __init__(self, count: Count[T], make: Callable[[], T]) -> None:
        self._count_of = count
        self._make = make
        self._hours: dict[int, tuple[T, float]] = {}
        self._recount: asyncio.Task[None] | None = None

    async def last_day(self) -> dict[int, T | None]:
        """The last 24 hours, oldest first, the current one last; None: not counted yet."""
        current = clock.to_micros(clock.now()) // HOUR_MICROS
        numbers = range(current - HOURS + 1, current + 1)
        newest = current - _NEW_HOURS + 1
        if any(self._is_stale(number, current) for number in range(newest, current + 1)):
            await self._count(newest, current)
        await self._refresh(numbers, current)
        return {number: self._hours[number][0] if number in self._hours else None for number in numbers}

    async def _refresh(self, numbers: range, current: int) -> None:
        """Count stale hours again in the background; wait for it only when an hour was never counted."""
        stale = [number for number in numbers if self._is_stale(number, current)]
        if stale and (self._recount is None or self._recount.done()):
            self._recount = asyncio.create_task(self._count(min(stale), current))
        if self._recount is not None and any(number not in self._hours for number in numbers):
            await asyncio.wait({self._recount}, timeout=_PATIENCE_SECONDS)

    async def close(self) -> None:
        """Stop counting; the store may be closed afterwards."""
        if self._recount is not None:
            self._recount.cancel()
            await asyncio.wait({self._recount})

    async def _count(self, first: int, current: int) -> None:
        counted = {number: self._make() for number in range(first, current + 1)}
        # The hour before as well: what began in it goes on into this one.
        for begun in range(first - 1, current + 1, _SPAN):
            until = begun + _SPAN
            await self._count_of(begun, until if until <= current else None, counted)
        kept = {number: known for number, known in self._hours.items() if number > current - HOURS}
        self._hours = kept | {number: (hour, monotonic()) for number, hour in counted.items()}

    def _is_stale(self, number: int, current: int) -> bool:
        known = self._hours.get(number)
        fresh = _NEW_HOUR_FRESH_SECONDS if number > current - _NEW_HOURS else _OLD_HOUR_FRESH_SECONDS
        return known is None or monotonic() - known[1] > fresh
