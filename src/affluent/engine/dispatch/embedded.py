"""The dispatcher of one process: takes due runs from the store and executes them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from sqlalchemy import Connection

from affluent.domain.event import Priority
from affluent.engine import leases
from affluent.engine.fairness import FairClock
from affluent.engine.leases import LeasedRun, UnreadableRun
from affluent.engine.run import Executor
from affluent.kit import clock
from affluent.kit.logs import logger
from affluent.store.database import Database, StoreUnavailable, retry_while_unavailable

_log = logger("dispatch")
_LONGEST_SLEEP = 1.0
_STORE_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class _Capacity:
    """How many runs may start now, and the least urgent priority that may (higher numbers are less urgent)."""

    count: int
    lowest_priority: int


class EmbeddedDispatcher:
    """Runs at most `concurrency` runs at a time; backfills take at most half of that."""

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
        """Look for due runs now; call it in the event loop."""
        self._awake.set()

    @property
    def running(self) -> int:
        """How many runs are being executed."""
        return len(self._running)

    async def start(self) -> None:
        """Queue again the runs of a process that is gone, then begin to execute runs."""
        await self._take_over()
        self._loop = asyncio.create_task(self._dispatch(), name="dispatch")

    async def _take_over(self) -> None:
        with suppress(StoreUnavailable):  # this process was told to stop meanwhile
            await retry_while_unavailable(
                lambda: self._database.write(leases.take_over),
                waiting="dispatch",
                first_pause=_STORE_PAUSE,
                longest_pause=_STORE_PAUSE,
                may_retry=lambda: not self._stopping,
            )

    async def stop(self, *, grace_seconds: float = 4.0) -> None:
        """Take no more runs, give those that are executed some seconds to finish, and hand back the rest."""
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
                following = await self._take_due()
            except StoreUnavailable as error:
                _log.warning("dispatch waits for the database", reason=str(error))
                following = _STORE_PAUSE
            if following is None or following > 0:
                await self._sleep(_LONGEST_SLEEP if following is None else min(following, _LONGEST_SLEEP))

    async def _watch_clock(self) -> None:
        """Move waiting runs with a clock that was set back, or every retry would be late by as much."""
        ahead = clock.now().timestamp() - monotonic()
        stepped = timedelta(seconds=self._ahead - ahead)
        if stepped > leases.CLOCK_STEP:
            _log.warning("the clock stepped back; waiting runs go with it", seconds=round(stepped.total_seconds()))
            await self._database.write(lambda connection: leases.clock_stepped_back(connection, stepped))
        if abs(stepped) > leases.CLOCK_STEP:
            self._ahead = ahead

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def _take_due(self) -> float | None:
        """Start what is due. Returns the seconds to wait for more; None: until woken."""
        capacity = self._capacity()
        if capacity.count == 0:
            return None
        leased, next_due = await self._database.group(take_due, capacity)
        for run in leased:
            self._start(run)
        if len(leased) == capacity.count:
            return 0
        return None if next_due is None else max(next_due / 1_000_000 - clock.now().timestamp(), 0.0)

    def _start(self, run: LeasedRun | UnreadableRun) -> None:
        if isinstance(run, UnreadableRun):
            task = asyncio.create_task(self._executor.set_aside(run), name=run.id)
            self._running[task] = Priority.LIVE
        else:
            self._fair.served(run.rank)
            task = asyncio.create_task(self._executor.execute(run), name=run.id)
            self._running[task] = run.priority
        task.add_done_callback(self._ended)

    def _capacity(self) -> _Capacity:
        free = self._concurrency - len(self._running)
        backfill = sum(priority >= Priority.BACKFILL for priority in self._running.values())
        room = self._concurrency // 2 - backfill
        if room <= 0:
            return _Capacity(free, Priority.LIVE)
        return _Capacity(min(free, room), Priority.BACKFILL)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("run ended by a defect", run=task.get_name(), exc_info=task.exception())
        self.wake()


def take_due(
    connection: Connection, capacities: Sequence[_Capacity]
) -> list[tuple[list[LeasedRun | UnreadableRun], int | None]]:
    """Take due runs; a processor of the grouped writer."""
    following = leases.wake_waiting(connection)
    return [
        (leases.due(connection, count=capacity.count, lowest_priority=capacity.lowest_priority), following)
        for capacity in capacities
    ]
