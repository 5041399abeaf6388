"""Vendors' request limits per connection: smooth, never over the window, live events first.

Slots are spaced evenly (the generic cell rate algorithm with a burst of two percent), so a backlog uses a limit of 400 per minute at
98 % and no window of 60 seconds ever holds more than 400. One process keeps its slots in memory; several share them through the
`limits` table, from which each reserves a stretch of time that its own waiting calls will use.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from affluent.kit import clock
from affluent.sdk import Limit
from affluent.store.database import Database

_MARGIN = 0.02
_LONGEST_RESERVE_SECONDS = 1.0

Reserve = Callable[[str, Limit, int], Awaitable[tuple[float, int, float]]]
"""(connection id, limit, wanted) → (loop time of the first slot, slots granted, seconds between them)."""


def spacing(limit: Limit) -> tuple[float, int]:
    """Seconds between slots, and how many may go at once after a pause, so that no window holds more than the limit."""
    burst = int(limit.requests * _MARGIN)
    return limit.per_seconds / max(limit.requests - burst - (1 if burst else 0), 1) * (1.0 if burst else 1.02), burst


@dataclass(slots=True)
class _Lane:
    """The waiting calls of one connection."""

    limit: Limit
    waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    pump: asyncio.Task[None] | None = None
    free_at: float = 0.0
    held_until: float = 0.0


class Limiter:
    """Waits for a slot. Calls of lower priority number go first."""

    def __init__(self, reserve: Reserve | None = None) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._reserve = reserve or self._reserve_locally
        self._count = 0

    async def acquire(self, connection_id: str, limit: Limit | None, priority: int) -> None:
        """Return when a request may be sent on this connection."""
        if limit is None:
            return
        lane = self._lanes.setdefault(connection_id, _Lane(limit))
        lane.limit = limit
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(lane.waiting, (priority, self._count, future))
        if lane.pump is None or lane.pump.done():
            lane.pump = asyncio.create_task(self._pump(connection_id, lane), name=f"limit-{connection_id}")
        try:
            await future
        except asyncio.CancelledError:
            future.cancel()
            raise

    def hold(self, connection_id: str, seconds: float) -> None:
        """The vendor said slow down: send nothing on this connection for a while."""
        lane = self._lanes.get(connection_id)
        if lane is not None:
            lane.held_until = max(lane.held_until, asyncio.get_running_loop().time() + seconds)

    async def _pump(self, connection_id: str, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        while lane.waiting:
            first, granted, gap = await self._reserve(connection_id, lane.limit, len(lane.waiting))
            for slot in range(granted):
                due = max(first + slot * gap, lane.held_until)
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                if not _let_one_go(lane):
                    break

    async def _reserve_locally(self, connection_id: str, limit: Limit, wanted: int) -> tuple[float, int, float]:
        del wanted
        lane = self._lanes[connection_id]
        gap, burst = spacing(limit)
        now = asyncio.get_running_loop().time()
        slot = max(lane.free_at, now - burst * gap)
        lane.free_at = slot + gap
        return slot, 1, gap


def _let_one_go(lane: _Lane) -> bool:
    while lane.waiting:
        _, _, future = heapq.heappop(lane.waiting)
        if not future.done():
            future.set_result(None)
            return True
    return False


_RESERVE = text(
    "INSERT INTO limits (connection_id, next_at) VALUES (:id, :floor + :stretch) ON CONFLICT (connection_id)"
    " DO UPDATE SET next_at = CASE WHEN limits.next_at > :floor THEN limits.next_at ELSE :floor END + :stretch RETURNING next_at"
)


def shared_reserve(database: Database) -> Reserve:
    """Reservations through the database, so that all processes together keep the limit."""

    async def reserve(connection_id: str, limit: Limit, wanted: int) -> tuple[float, int, float]:
        gap, burst = spacing(limit)
        granted = max(1, min(wanted, int(_LONGEST_RESERVE_SECONDS / gap)))
        now = clock.now()
        # Between processes a burst could not be told from a neighbour's, so an idle limit starts at the present.
        ends = await database.write(lambda connection: _take(connection, connection_id, now, gap * granted))
        del burst
        first = ends - timedelta(seconds=gap * granted)
        return asyncio.get_running_loop().time() + max((first - now).total_seconds(), 0.0), granted, gap

    return reserve


def _take(connection: Connection, connection_id: str, now: datetime, stretch: float) -> datetime:
    values = {"id": connection_id, "floor": clock.to_micros(now), "stretch": int(stretch * 1_000_000)}
    return clock.from_micros(connection.execute(_RESERVE, values).scalar_one())
