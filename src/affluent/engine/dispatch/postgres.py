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
from affluent.engine import leases
from affluent.engine.dispatch.concurrency_slots import ConcurrencySlots
from affluent.engine.leases import LeasedRun, UnreadableRun
from affluent.engine.run import Executor
from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.store.bulk import Row, each
from affluent.store.database import Database, retry_while_unavailable

_log = logger("dispatch")
_LIVE, _BACKFILL = "run", "backfill"
"""Two lines of jobs, each with a PgQueuer of its own: jobs of a backfill that stands still keep no live one from being taken."""
_RANKS = 1_000_000_000
_POLL = timedelta(milliseconds=20)
_STORE_PAUSE = 0.2
_AGGREGATION = timedelta(seconds=30)
_JOBS_PER_RUN = 4
"""Jobs that a worker holds per run that it executes. PgQueuer gives a finished job up only with a whole batch or after a tenth
of a second; with fewer jobs at hand the worker would be idle until then."""
_LOCK = text(
    f"SELECT count(pg_advisory_xact_lock(hashtextextended(k.key, 0))) FROM (SELECT key FROM {each('postgresql')} e ORDER BY key) k"
)


class PgQueue:
    """Enqueues a run in the transaction that makes it ready; see engine.queue.Queue."""

    def __init__(self) -> None:
        self._enqueue = QueryQueueBuilder().build_enqueue_query()

    def lock(self, connection: Connection, ordering_keys: Sequence[str]) -> None:
        """Lock these ordering keys until the transaction ends. Keys come sorted, so two transactions never deadlock."""
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
    """Executes jobs in this process, at most `concurrency` at a time; backfills take at most half of the slots."""

    def __init__(
        self, *, url: str, database: Database, executor: Executor, concurrency: int, lease_seconds: float
    ) -> None:
        self._url = url
        self._database = database
        self._executor = executor
        self._concurrency = max(concurrency, 4)
        self._slots = ConcurrencySlots(self._concurrency)
        self._backfill_slots = ConcurrencySlots(self._concurrency // 2)
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
        return self._slots.taken

    async def start(self) -> None:
        """Begin to take jobs; a lost database is waited for."""
        self._loop = asyncio.create_task(self._serve(), name="dispatch")

    async def stop(self, *, grace_seconds: float = 4.0) -> None:
        """Take no more jobs, give runs some seconds to finish, and hand back the rest."""
        self._stopping = True
        for queuer in self._queuers.values():
            queuer.shutdown.set()
        self._backfill_slots.admit_all()
        self._slots.admit_all()
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
            await driver.add_listener(queuer.qm.channel, lambda _payload: None)
            await queuer.qm.run(
                dequeue_timeout=timedelta(seconds=2),
                batch_size=at_once,
                max_concurrent_tasks=_JOBS_PER_RUN * at_once,
                heartbeat_timeout=self._lease,
                shutdown_on_listener_failure=True,
                log_aggregation_interval=_AGGREGATION if line == _LIVE else timedelta(),
            )
        if not self._stopping:
            raise ConnectionError("the listener failed")  # ends the other line too; both begin anew

    @asynccontextmanager
    async def _slot(self, job: Job) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if job.entrypoint == _BACKFILL:
                await stack.enter_async_context(self._backfill_slots.slot(job.priority))
                await stack.enter_async_context(self._slots.slot(job.priority - _RANKS))
            else:
                await stack.enter_async_context(self._slots.slot(job.priority))
            yield

    async def _execute(self, job: Job) -> None:
        async with self._slot(job):
            if self._stopping:
                await self._give_back(job)
                return
            run_id = (job.payload or b"").decode()
            run = await self._take_run(run_id, int(job.id))
            if isinstance(run, UnreadableRun):
                await self._executor.set_aside(run)
            elif run is not None:
                await self._executor.execute(run)

    async def _take_run(self, run_id: str, job_id: int) -> LeasedRun | UnreadableRun | None:
        """Lease the run of a job. None: it needs nothing any more. Raises StoreUnavailable when this process is stopping.

        The sweep for lost runs queues a run again whose job failed.
        """
        return await retry_while_unavailable(
            lambda: self._database.group(leases.by_job, (run_id, job_id)),
            waiting=f"lease of run {run_id}",
            first_pause=_STORE_PAUSE,
            longest_pause=_STORE_PAUSE,
            may_retry=lambda: not self._stopping,
        )

    async def _give_back(self, job: Job) -> None:
        run_id = (job.payload or b"").decode()
        await self._database.write(lambda connection: requeue(connection, [run_id]))


def requeue(connection: Connection, run_ids: Sequence[str]) -> int:
    """Queue ready, unfinished runs again that have no job; returns how many."""
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
    """Queue runs again that should have a job and have none, e.g. after a defect of a worker; returns how many."""
    before = clock.to_micros(clock.now() - timedelta(seconds=30))
    lost = [row[0] for row in connection.execute(_LOST, {"before": before})]
    return requeue(connection, lost) if lost else 0


def requeue_all(connection: Connection) -> int:
    """Queue every run that should have a job, after they came from another database; returns how many."""
    sql = text("SELECT id FROM runs WHERE finished_at IS NULL AND ready AND state IN ('queued', 'waiting', 'running')")
    return requeue(connection, [row[0] for row in connection.execute(sql)])


def _reason(error: Exception) -> str:
    """An error in words for the log; of a group each of its errors."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(map(_reason, error.exceptions))
    return f"{type(error).__name__}: {error}"
