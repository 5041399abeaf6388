"""The dispatcher of many processes: PgQueuer hands out runs, one job each, and re-queues those of a dead worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.models import Job
from sqlalchemy import Connection, text

from affluent.domain.event import Priority
from affluent.engine import leases as claims
from affluent.engine.dispatch.concurrency_slots import ConcurrencySlots
from affluent.engine.leases import LeasedRun, Unreadable
from affluent.engine.run import Executor
from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.store.bulk import Row, each
from affluent.store.database import Database, StoreUnavailable

_log = logger("dispatch")
_LIVE, _BACKFILL = "run", "backfill"
"""Two lines of jobs, each with a PgQueuer of its own: jobs of a backfill that stands still keep no live one from being taken."""
_RANKS = 1_000_000_000
_POLL = timedelta(milliseconds=20)
_AGGREGATION = timedelta(seconds=30)
_HELD = 4
"""Jobs that a worker holds, per run that it executes. PgQueuer gives a finished job up only with a whole batch or after a tenth
of a second; with fewer jobs at hand the worker would stand still until then."""
_LOCK = text(
    f"SELECT count(pg_advisory_xact_lock(hashtextextended(k.key, 0))) FROM (SELECT key FROM {each('postgresql')} e ORDER BY key) k"
)


class PgQueue:
    """Enqueues a run in the transaction that makes it ready; see engine.queue.Queue."""

    def __init__(self) -> None:
        self._enqueue = QueryQueueBuilder().build_enqueue_query()

    def lock(self, connection: Connection, ordering_keys: Sequence[str]) -> None:
        """Serialise all that touch these ordering keys. Keys come sorted, so two transactions never wait for each other."""
        if ordering_keys:
            connection.execute(_LOCK, {"keys": dumps(list(ordering_keys))})

    def put(self, connection: Connection, runs: Sequence[Row]) -> None:
        """One job per run, deferred until it is due, in the line of its priority and in fair order."""
        if not runs:
            return
        now = clock.to_micros(clock.now())
        parameters: tuple[Any, ...] = (
            [_RANKS - int(run["rank"]) % _RANKS for run in runs],  # PgQueuer takes higher numbers first
            [_LIVE if run["priority"] < Priority.BACKFILL else _BACKFILL for run in runs],
            [str(run["id"]).encode() for run in runs],
            [timedelta(microseconds=max(run["due_at"] - now, 0)) for run in runs],
            [None] * len(runs),
            [None] * len(runs),
        )
        connection.exec_driver_sql(self._enqueue, parameters)


class PostgresDispatcher:
    """Executes jobs in this process, at most `concurrency` at a time; backfill takes at most half of the places."""

    def __init__(
        self, *, url: str, database: Database, executor: Executor, concurrency: int, lease_seconds: float
    ) -> None:
        self._url = url
        self._database = database
        self._executor = executor
        self._concurrency = max(concurrency, 4)
        self._places = ConcurrencySlots(self._concurrency)
        self._backfill_places = ConcurrencySlots(self._concurrency // 2)
        self._lease = timedelta(seconds=lease_seconds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._queuers: dict[str, PgQueuer] = {}
        self._stopping = False

    def wake(self) -> None:
        """PostgreSQL notifies the workers itself."""

    @property
    def running(self) -> int:
        """How many runs are being executed."""
        return self._places.taken

    async def start(self) -> None:
        """Begin to take jobs; a lost database is waited for."""
        self._loop = asyncio.create_task(self._serve(), name="dispatch")

    async def stop(self, *, grace_seconds: float = 4.0) -> None:
        """Take no more jobs, let what runs finish for a while, hand back the rest."""
        self._stopping = True
        for queuer in self._queuers.values():
            queuer.shutdown.set()
        self._backfill_places.let_all_in()
        self._places.let_all_in()
        running = list(self._tasks)
        if running:
            _, late = await asyncio.wait(running, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._loop is not None:
            await asyncio.wait([self._loop], timeout=1)
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _serve(self) -> None:
        while not self._stopping:
            try:
                async with (
                    asyncpg.create_pool(self._url, min_size=0, max_size=6, command_timeout=30) as pool,
                    asyncio.TaskGroup() as lines,
                ):
                    lines.create_task(self._take_jobs(pool, _LIVE, self._concurrency), name="dispatch-live")
                    lines.create_task(
                        self._take_jobs(pool, _BACKFILL, self._concurrency // 2), name="dispatch-backfill"
                    )
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                TimeoutError,
                RuntimeError,
                ExceptionGroup,
            ) as error:
                _log.warning("dispatch waits for the database", reason=_reason(error))
            if not self._stopping:
                await asyncio.sleep(0.5)

    async def _take_jobs(self, pool: asyncpg.Pool[Any], line: str, at_once: int) -> None:
        """Take the jobs of one line until the process stops or the database is lost."""
        queuer = self._queuers[line] = PgQueuer.from_asyncpg_pool(pool)
        queuer.qm.min_dequeue_poll_interval = _POLL

        @queuer.qm.entrypoint(line, accepts_context=False)
        async def execute(job: Job) -> None:
            if self._stopping:
                await self._give_back(job)
                return
            task = asyncio.create_task(self._execute(job), name=f"job-{job.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # A lost connection ends PgQueuer's task, not the run: what was sent to a vendor must reach the journal.
            await asyncio.shield(task)

        async with queuer.qm.queries.driver as driver:
            # PgQueuer asks itself for a sign of life as soon as it begins, and hears nothing where listening begins later.
            await driver.add_listener(queuer.qm.channel, lambda _said: None)
            await queuer.qm.run(
                dequeue_timeout=timedelta(seconds=2),
                batch_size=at_once,
                max_concurrent_tasks=_HELD * at_once,
                heartbeat_timeout=self._lease,
                shutdown_on_listener_failure=True,
                log_aggregation_interval=_AGGREGATION if line == _LIVE else timedelta(),
            )
        if not self._stopping:
            raise ConnectionError("the listener failed")  # ends the other line too; both begin anew

    @asynccontextmanager
    async def _place(self, job: Job) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if job.entrypoint == _BACKFILL:
                await stack.enter_async_context(self._backfill_places.place(job.priority))
                await stack.enter_async_context(self._places.place(job.priority - _RANKS))
            else:
                await stack.enter_async_context(self._places.place(job.priority))
            yield

    async def _execute(self, job: Job) -> None:
        async with self._place(job):
            if self._stopping:
                await self._give_back(job)
                return
            run_id = (job.payload or b"").decode()
            claimed = await self._claim(run_id, int(job.id))
            if isinstance(claimed, Unreadable):
                await self._executor.set_aside(claimed)
            elif claimed is not None:
                await self._executor.execute(claimed)

    async def _claim(self, run_id: str, job_id: int) -> LeasedRun | Unreadable | None:
        while True:
            try:
                return await self._database.group(claims.by_job, (run_id, job_id))
            except StoreUnavailable as error:
                if self._stopping:  # a job that fails is found again by the sweep for lost runs
                    raise
                _log.warning("claim waits for the database", run=run_id, reason=str(error))
                await asyncio.sleep(0.2)

    async def _give_back(self, job: Job) -> None:
        run_id = (job.payload or b"").decode()
        await self._database.write(lambda connection: requeue(connection, [run_id]))


def requeue(connection: Connection, run_ids: Sequence[str]) -> int:
    """Queue ready, unfinished runs again that no job stands for."""
    sql = text(
        "UPDATE runs SET state = CASE WHEN state = 'waiting' THEN 'waiting' ELSE 'queued' END, lease = lease + 1"
        f" WHERE ready AND state IN ('queued', 'waiting', 'running') AND id IN {each('postgresql')}"
        " RETURNING id, priority, rank, due_at"
    )
    rows = [dict(row) for row in connection.execute(sql, {"keys": dumps(list(run_ids))}).mappings()]
    PgQueue().put(connection, rows)
    return len(rows)


_LOST = text(
    "SELECT r.id FROM runs r WHERE r.finished_at IS NULL AND r.ready AND r.state IN ('queued', 'waiting', 'running')"
    " AND r.created_at < :before AND NOT EXISTS (SELECT 1 FROM pgqueuer q WHERE q.payload = convert_to(r.id, 'UTF8'))"
    " ORDER BY r.id LIMIT 1000"
)


def requeue_lost(connection: Connection) -> int:
    """The safety net: runs that should have a job and have none, e.g. after a defect of a worker."""
    before = clock.to_micros(clock.now() - timedelta(seconds=30))
    lost = [row[0] for row in connection.execute(_LOST, {"before": before})]
    return requeue(connection, lost) if lost else 0


def requeue_all(connection: Connection) -> int:
    """Queue every run that should have a job, after they came from another database; returns how many."""
    sql = text("SELECT id FROM runs WHERE finished_at IS NULL AND ready AND state IN ('queued', 'waiting', 'running')")
    return requeue(connection, [row[0] for row in connection.execute(sql)])


def _reason(error: Exception) -> str:
    """What went wrong, of several at once each."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(map(_reason, error.exceptions))
    return f"{type(error).__name__}: {error}"
