"""Metrics: parts of the engine that count what they do, and figures that are read from the database on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic, perf_counter

from prometheus_client import generate_latest
from sqlalchemy import Connection

from affluent.domain.event import Accepted, EventDraft
from affluent.domain.run import RunState
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal, JournalEntry, RecordResult
from affluent.engine.leases import LeasedRun
from affluent.engine.limits import Limiter
from affluent.engine.plans import PlannedStep
from affluent.engine.run import Executor
from affluent.engine.step import StepRunner
from affluent.engine.step_attempt import StepAttempt
from affluent.kit import clock, metrics
from affluent.kit.jsons import JSONValue
from affluent.sdk import Limit
from affluent.services.operations.progress import PATIENCE, stalled
from affluent.store import connections as connection_store
from affluent.store import runs as run_store
from affluent.store.database import Database, on_commit

_FRESH_SECONDS = 5.0


class CountingIntake(Intake):
    """Counts what is accepted."""

    def accept(self, connection: Connection, drafts: Sequence[EventDraft]) -> list[Accepted]:
        """As Intake."""
        answers = super().accept(connection, drafts)

        def count() -> None:
            for draft, answer in zip(drafts, answers, strict=True):
                metrics.event(draft.app, str(answer.is_new).lower()).inc()
                metrics.runs_queued.inc(len(answer.run_ids))

        on_commit(connection, count)
        return answers


class CountingJournal(Journal):
    """Counts the states in which runs end or pause."""

    def record(self, connection: Connection, entries: Sequence[JournalEntry]) -> list[RecordResult]:
        """As Journal."""
        results = super().record(connection, entries)
        left = Counter(
            entry.state.value
            for entry, result in zip(entries, results, strict=True)
            if result.is_mine and entry.state is not RunState.RUNNING
        )

        def count() -> None:
            for state, number in left.items():
                metrics.run_ended(state).inc(number)

        on_commit(connection, count)
        return results

    def set_aside(self, connection: Connection, run_id: str, lease: int, reason: str) -> bool:
        """As Journal."""
        was_ours = super().set_aside(connection, run_id, lease, reason)
        if was_ours:
            on_commit(connection, lambda: metrics.run_ended(RunState.FAILED.value).inc())
        return was_ours


class CountingSteps(StepRunner):
    """Counts attempts, the answers of vendors and how long they took."""

    async def attempt(
        self, run: LeasedRun, planned: PlannedStep, position: int, data: Mapping[str, JSONValue]
    ) -> StepAttempt:
        """As StepRunner."""
        attempt = await super().attempt(run, planned, position, data)
        app = planned.app.key
        metrics.tried(app, planned.action.key, attempt.outcome.value).inc()
        if attempt.effect is not None:
            metrics.effect(app, str(attempt.effect["fate"])).inc()
        if attempt.code:
            metrics.vendor_error(app, attempt.code).inc()
        for exchange in attempt.exchanges:
            metrics.vendor_called(app, str(exchange.get("status", "none"))).inc()
            metrics.call_lasted(app).observe(exchange.get("milliseconds", 0) / 1000)
        return attempt


class TimedExecutor(Executor):
    """Measures how long runs take."""

    async def execute(self, run: LeasedRun) -> None:
        """As Executor."""
        started = perf_counter()
        with metrics.executing.track_inprogress():
            await super().execute(run)
        metrics.run_seconds.observe(perf_counter() - started)


class CountingLimiter(Limiter):
    """Counts the calls that wait for the limit of a vendor."""

    async def acquire(
        self, connection_id: str, limit: Limit | None, priority: int, *, may_come_back: bool = False
    ) -> None:
        """As Limiter."""
        if limit is None or not connection_id:
            await super().acquire(connection_id, limit, priority, may_come_back=may_come_back)
            return
        with metrics.limit_waiting.labels(connection_id).track_inprogress():
            await super().acquire(connection_id, limit, priority, may_come_back=may_come_back)
        metrics.limit_slots.labels(connection_id).inc()


class Metrics:
    """All metrics in the format of Prometheus. The database is asked every few seconds at most, over its partial indexes."""

    def __init__(self, database: Database, *, patience: timedelta = PATIENCE) -> None:
        self._database = database
        self._patience = patience
        self._read_at = -_FRESH_SECONDS

    async def text(self) -> bytes:
        """The exposition format. Raises StoreUnavailable."""
        if monotonic() - self._read_at >= _FRESH_SECONDS:
            await self._database.read(lambda connection: _read(connection, self._patience))
            self._read_at = monotonic()
        return generate_latest(metrics.registry)


def _read(connection: Connection, patience: timedelta) -> None:
    unfinished = run_store.unfinished_by_state(connection)
    for state in (RunState.QUEUED, RunState.RUNNING, RunState.WAITING, RunState.PAUSED):
        metrics.runs_unfinished.labels(state.value).set(unfinished.get(state.value, 0))
    oldest = run_store.oldest_due(connection)
    metrics.queue_age.set(max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0)
    stall = stalled(connection, patience=patience)
    metrics.stalled.set(stall.age.total_seconds() if stall else 0)
    fates = run_store.open_effects(connection)
    for fate in ("intended", "unknown"):
        metrics.effects_open.labels(fate).set(fates.get(fate, 0))
    metrics.connections.clear()
    for app, statuses in connection_store.counts(connection).items():
        for status, number in statuses.items():
            metrics.connections.labels(app, status).set(number)
