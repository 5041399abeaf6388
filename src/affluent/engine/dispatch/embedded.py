"""The dispatcher of one process: claims due runs from the store and executes them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from sqlalchemy import Connection

from affluent.domain.event import Priority
from affluent.engine import leases as claims
from affluent.engine.fairness import FairClock
from affluent.engine.leases import LeasedRun, Unreadable
from affluent.engine.run import Executor
from affluent.kit import clock
from affluent.kit.logs import logger
from affluent.store.database import Database, StoreUnavailable

_log = logger("dispatch")
_LONGEST_SLEEP = 1.0


@dataclass(frozen=True, slots=True)
class _Wish:
    """How many runs of which priority could start now."""

    count: int
    lowest_priority: int


class EmbeddedDispatcher:
    """Runs at most `concurrency` runs at a time; backfill takes at most half of the places."""

    def __init__(self, *, database: Database, executor: Executor, fair: FairClock, concurrency: int) -> None:
        self._database = database
        self._executor = executor
        self._fair = fair
        self._concurrency = concurrency
        self._running: dict[asyncio.Task[None], int] = {}
        self._awake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._ahead = clock.now().timestamp() - monotonic()

    def wake(self) -> None:
        """There may be something to do; call it in the event loop."""
        self._awake.set()

    @property
    def running(self) -> int:
        """How many runs are being executed."""
        return len(self._running)

    async def start(self) -> None:
        """Take over what a process that is gone had claimed, then begin."""
        await self._take_over()
        self._loop = asyncio.create_task(self._dispatch(), name="dispatch")

    async def _take_over(self) -> None:
        while not self._stopping:
            try:
                await self._database.write(claims.take_over)
            except StoreUnavailable as error:
                _log.warning("dispatch waits for the database", reason=str(error))
                await asyncio.sleep(0.5)
            else:
                return

    async def stop(self, *, grace_seconds: float = 4.0) -> None:
        """Claim no more, let what runs finish for a while, hand back the rest."""
        self._stopping = True
        self.wake()
        if self._loop is not None:
            await self._loop
        tasks = list(self._running)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _dispatch(self) -> None:
        while not self._stopping:
            self._awake.clear()
            try:
                await self._watch_clock()
                following = await self._claim()
            except StoreUnavailable as error:
                _log.warning("dispatch waits for the database", reason=str(error))
                following = 0.5
            if following is None or following > 0:
                await self._sleep(_LONGEST_SLEEP if following is None else min(following, _LONGEST_SLEEP))

    async def _watch_clock(self) -> None:
        """A clock that steps back would make every retry late by as much."""
        ahead = clock.now().timestamp() - monotonic()
        stepped = timedelta(seconds=self._ahead - ahead)
        if stepped > claims.CLOCK_STEP:
            _log.warning("the clock stepped back; waiting runs go with it", seconds=round(stepped.total_seconds()))
            await self._database.write(lambda connection: claims.clock_stepped_back(connection, stepped))
        if abs(stepped) > claims.CLOCK_STEP:
            self._ahead = ahead

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> float | None:
        """Start what is due. Returns the seconds to wait for more; None: until woken."""
        wish = self._wish()
        if wish.count == 0:
            return None
        claimed, next_due = await self._database.group(take_due, wish)
        for run in claimed:
            self._start(run)
        if len(claimed) == wish.count:
            return 0
        return None if next_due is None else max(next_due / 1_000_000 - clock.now().timestamp(), 0.0)

    def _start(self, run: LeasedRun | Unreadable) -> None:
        if isinstance(run, Unreadable):
            task = asyncio.create_task(self._executor.set_aside(run), name=run.id)
            self._running[task] = Priority.LIVE
        else:
            self._fair.served(run.rank)
            task = asyncio.create_task(self._executor.execute(run), name=run.id)
            self._running[task] = run.priority
        task.add_done_callback(self._ended)

    def _wish(self) -> _Wish:
        free = self._concurrency - len(self._running)
        backfill = sum(priority >= Priority.BACKFILL for priority in self._running.values())
        room = self._concurrency // 2 - backfill
        if room <= 0:
            return _Wish(free, Priority.LIVE)
        return _Wish(min(free, room), Priority.BACKFILL)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("run ended by a defect", run=task.get_name(), exc_info=task.exception())
        self.wake()


def take_due(connection: Connection, wishes: Sequence[_Wish]) -> list[tuple[list[LeasedRun | Unreadable], int | None]]:
    """Take due runs; a processor of the grouped writer."""
    following = claims.wake_waiting(connection)
    return [
        (claims.due(connection, count=wish.count, lowest_priority=wish.lowest_priority), following) for wish in wishes
    ]
