"""Vendors' request limits per connection: smooth, never over the window, live events first.

Slots are spaced evenly (the generic cell rate algorithm with a burst of one percent), so a backlog uses a limit of 400 per minute at
98 % and no window of 60 seconds ever holds more than 400, even when some calls leave a little late. One process keeps its slots in
memory; several share them through the `limits` table, by the database's clock, from which each reserves a stretch of time that its
own waiting calls will use.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from affluent.kit import clock
from affluent.kit.logs import logger
from affluent.sdk import Limit
from affluent.store.database import Database, StoreUnavailable

_log = logger("limits")
_MARGIN = 0.02
_LONGEST_RESERVE_SECONDS = 1.0
_LONGEST_HOLD_SECONDS = 5.0
_LONGEST_LINE_SECONDS = 1.0
"""Calls whose slots are further away than this may be sent away, so that a backlog does not fill all concurrency slots."""
_SLACK_SECONDS = 0.005
_OVERBOOKED = 0.9
"""Calls that were sent away come back a little faster than slots come free, so that there is always one waiting."""
_STORE_PAUSE_SECONDS = 0.25
_MOST_PROCESSES = 64

Reserve = Callable[[str, Limit, int], Awaitable[tuple[float, int, float]]]
"""(connection id, limit, waiting calls) → (loop time of the first slot, slots granted, seconds between them)."""


class NoSlotSoon(Exception):
    """The next slot is far away, so the run must wait elsewhere: the vendor asked for a pause, or many calls wait."""

    def __init__(self, seconds: float, *, by_vendor: bool = True) -> None:
        super().__init__(f"held for {seconds:.0f} s")
        self.seconds = seconds
        self.by_vendor = by_vendor


def spacing(limit: Limit) -> tuple[float, int]:
    """Seconds between slots, and how many may go at once after a pause, so that no window holds more than the limit."""
    margin = int(limit.requests * _MARGIN)
    if margin < 1:
        return limit.per_seconds / limit.requests * (1 + _MARGIN), 0
    return limit.per_seconds / (limit.requests - margin), margin // 2


@dataclass(slots=True)
class _Lane:
    """The waiting calls of one connection."""

    limit: Limit
    waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    pump: asyncio.Task[None] | None = None
    free_at: float = 0.0
    held_until: float = 0.0
    patience: float = 0.0
    """Slots that are late by more seconds than this are given up."""
    promised: dict[int, float] = field(default_factory=dict)
    """Priority → the time for which the last call was sent away."""


class Limiter:
    """Waits for a slot. Calls of lower priority number go first."""

    def __init__(self, reserve: Reserve | None = None) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._reserve = reserve or self._reserve_locally
        self._count = 0

    async def acquire(
        self, connection_id: str, limit: Limit | None, priority: int, *, may_come_back: bool = False
    ) -> None:
        """Return when a request may be sent on this connection; raises NoSlotSoon when that is a long time away.

        A call that may come back is sent away from a long line too, to return when a slot should be free.
        """
        lane = self._lanes.get(connection_id)
        if lane is None and limit is None:
            return
        loop = asyncio.get_running_loop()
        if lane is not None and lane.held_until - loop.time() > _LONGEST_HOLD_SECONDS:
            raise NoSlotSoon(lane.held_until - loop.time())
        if limit is None:
            return
        if lane is None:
            lane = self._lanes[connection_id] = _Lane(limit)
        gap, burst = spacing(limit)
        lane.limit, lane.patience = limit, max(burst, 0.5) * gap + _SLACK_SECONDS
        if may_come_back:
            _check_line(lane, priority, loop.time())
        future: asyncio.Future[None] = loop.create_future()
        self._count += 1
        heapq.heappush(lane.waiting, (priority, self._count, future))
        if lane.pump is None or lane.pump.done():
            lane.pump = asyncio.create_task(self._pump(connection_id, lane), name=f"limit-{connection_id}")
        try:
            await future
        except asyncio.CancelledError:
            future.cancel()
            raise

    @property
    def is_waited_for(self) -> bool:
        """Whether a call of this process waits for its slot."""
        return any(not future.done() for lane in self._lanes.values() for _, _, future in lane.waiting)

    def hold(self, connection_id: str, limit: Limit | None, seconds: float) -> None:
        """Send nothing on this connection for some seconds, as the vendor asked. A long pause ends all waiting here."""
        lane = self._lanes.setdefault(connection_id, _Lane(limit or _UNLIMITED))
        lane.held_until = max(lane.held_until, asyncio.get_running_loop().time() + seconds)
        if seconds > _LONGEST_HOLD_SECONDS:
            for _, _, future in lane.waiting:
                if not future.done():
                    future.set_exception(NoSlotSoon(seconds))
            lane.waiting.clear()

    async def _pump(self, connection_id: str, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        while lane.waiting:
            try:
                first, granted, gap = await self._reserve(connection_id, lane.limit, len(lane.waiting))
            except StoreUnavailable as error:
                _log.warning("limit waits for the database", connection=connection_id, reason=str(error))
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
                continue
            for slot in range(granted):
                due = max(first + slot * gap, lane.held_until)
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                elif loop.time() - due > lane.patience:  # this process stood still: making up for it would be a burst
                    continue
                if not _let_one_go(lane):
                    break

    async def _reserve_locally(self, connection_id: str, limit: Limit, waiting: int) -> tuple[float, int, float]:
        del waiting
        lane = self._lanes[connection_id]
        gap, burst = spacing(limit)
        now = asyncio.get_running_loop().time()
        slot = max(lane.free_at, now - burst * gap)
        lane.free_at = slot + gap
        return slot, 1, gap


_UNLIMITED = Limit(requests=1_000_000, per_seconds=1)


def _check_line(lane: _Lane, priority: int, now: float) -> None:
    gap, _ = spacing(lane.limit)
    ahead = sum(other <= priority for other, _, _ in lane.waiting)
    if ahead and ahead * gap >= _LONGEST_LINE_SECONDS:
        lane.promised[priority] = max(lane.promised.get(priority, 0.0), now + _LONGEST_LINE_SECONDS) + gap * _OVERBOOKED
        raise NoSlotSoon(lane.promised[priority] - now, by_vendor=False)


def _let_one_go(lane: _Lane) -> bool:
    while lane.waiting:
        _, _, future = heapq.heappop(lane.waiting)
        if not future.done():
            future.set_result(None)
            return True
    return False


_NOW = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)",
    "sqlite": ":now",
}
_RESERVE = """
INSERT INTO limits (connection_id, next_at) VALUES (:id, {now} - :slack + :stretch) ON CONFLICT (connection_id)
DO UPDATE SET next_at = :stretch + CASE
    WHEN limits.next_at > {now} - :slack AND limits.next_at < {now} + :ahead THEN limits.next_at
    ELSE {now} - :slack END
RETURNING next_at, {now}
"""


class _Clocks:
    """The offset of the loop's clock from the database's. The quickest answer is the best sample: delays only add to it."""

    _DRIFT_SECONDS = 0.001
    _STEP_SECONDS = 2.0

    def __init__(self) -> None:
        self._best: float | None = None

    def offset(self, sample: float) -> float:
        """What to add to a time of the database, after one more answer."""
        if self._best is None or sample - self._best > self._STEP_SECONDS:
            self._best = sample
        self._best = min(sample, self._best + self._DRIFT_SECONDS)
        return self._best


def shared_reserve(database: Database) -> Reserve:
    """Reservations through the database, so that all processes together keep the limit."""
    statement = text(_RESERVE.format(now=_NOW[database.dialect]))
    clocks = _Clocks()

    async def reserve(connection_id: str, limit: Limit, waiting: int) -> tuple[float, int, float]:
        gap, burst = spacing(limit)
        granted = max(1, min(waiting, int(_LONGEST_RESERVE_SECONDS / gap)))
        stretch = round(gap * granted * 1_000_000)
        values: dict[str, str | int] = {
            "id": connection_id,
            "stretch": stretch,
            "slack": round(gap * burst * 1_000_000),
            # Further ahead than all processes together can have reserved is the trace of a clock that stepped back.
            "ahead": round(max(gap, _LONGEST_RESERVE_SECONDS) * _MOST_PROCESSES * 1_000_000),
        }

        def take(connection: Connection) -> tuple[int, int]:
            row = connection.execute(statement, values | {"now": clock.to_micros(clock.now())}).one()
            return row[0], row[1]

        ends, now = await database.write(take)
        offset = clocks.offset(asyncio.get_running_loop().time() - now / 1_000_000)
        return (ends - stretch) / 1_000_000 + offset, granted, gap

    return reserve
