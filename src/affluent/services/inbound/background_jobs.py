"""Background jobs of flow connections: polls, backfills, schedules, missed webhooks, registrations.

Every enabled flow connection gets the jobs that its trigger needs. One worker at a time holds the lease of a job and does it in
slices of some seconds; a failure is shown on the flow connection and tried again later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from affluent.engine.journal import break_connection
from affluent.engine.plans import Bound
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.sdk import AppError, AuthFailed, Retry, Unavailable
from affluent.services.errors import NotFound
from affluent.services.inbound.job_targets import Target, Vendors
from affluent.store import background_jobs as store
from affluent.store import flow_connections as links
from affluent.store.configuration_lock import alone
from affluent.store.database import Database, StoreUnavailable

_log = logger("background-jobs")
_SLICE_SECONDS = 20.0
_LONGEST_SECONDS = 150.0
"""Shorter than a lease, so that a slice is cancelled before another worker may begin it."""
_PAUSED = timedelta(seconds=15)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_NOTED_AFTER = 3
"""After so many failures in a row the connection shows a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJob:
    """A job whose lease this worker holds."""

    flow_connection_id: str
    kind: str
    lease: int
    connection_id: str
    subject: str
    settings: JSONObject
    phase: str
    cursor: JSONValue
    items: int
    due_at: datetime
    failures: int
    note: str
    created_at: datetime
    begun: float

    @property
    def has_time(self) -> bool:
        """Whether another page may begin in this slice."""
        return monotonic() - self.begun < _SLICE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJobView:
    """A job as it is shown on its flow connection."""

    kind: str
    """poll, backfill, schedule, gaps or registration."""
    phase: str
    items: int
    """How many events it has brought so far."""
    due_at: datetime | None
    """When it is done next; null: not before it is asked for."""
    succeeded_at: datetime | None
    failures: int
    sentence: str
    """What happened last, for people."""
    settings: JSONObject


class Work(Protocol):
    """One kind of background job."""

    kind: str
    on_request: bool
    """True: begun by a person only."""
    outlives: bool
    """True: it has something to do even when its flow connection is disabled or gone; `target` may then be None."""

    def subject(self, target: Target) -> str | None:
        """What the job watches; None: this flow connection needs no such job now. When it changes, the job starts over."""

    def unneeded(self, connection: Connection, row: Row[Any]) -> None:
        """End the job or let it rest: the flow connection was disabled or removed, or its trigger changed."""

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """Resume a job that rests, or start it over with a new subject. `values`: its columns now."""

    async def perform(self, job: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Do one slice and `keep` what comes of it. Raises AppError, LeaseLost."""


class LeaseLost(Exception):
    """Another worker took the job, or a person changed it. The transaction of the slice is rolled back."""


def keep(connection: Connection, job: BackgroundJob, **values: Any) -> None:  # noqa: ANN401 - columns of the row
    """Save the job in the caller's transaction and renew its lease. Raises LeaseLost, which rolls the transaction back.

    With `due_at` the lease is released; without, it is held for the next page.
    """
    lease = {"leased_until": None if "due_at" in values else clock.now() + store.LEASE}
    fine = {"failures": 0, "note": "", "sentence": "", "succeeded_at": clock.now()}
    if not store.save(connection, job.flow_connection_id, job.kind, job.lease, {**lease, **fine, **values}):
        raise LeaseLost
    if values.get("note") or job.note:
        store.show_on_connection(connection, job.connection_id)


_Plan = tuple[list[dict[str, Any]], list[Row[Any]], list[tuple[Row[Any], dict[str, Any]]]]
"""Values of jobs to add, rows of jobs to end, and rows of jobs that change with their new values."""


class BackgroundJobs:
    """Use cases of background jobs. `works`: one object for each kind."""

    def __init__(self, *, database: Database, vendors: Vendors, works: Sequence[Work]) -> None:
        self._database = database
        self._vendors = vendors
        self._works: Mapping[str, Work] = {work.kind: work for work in works}

    async def list(self, flow_connection_id: str) -> Sequence[BackgroundJobView]:
        """The jobs of a flow connection; raises NotFound."""

        def unit(connection: Connection) -> Sequence[Row[Any]]:
            if links.one(connection, flow_connection_id) is None:
                raise NotFound(f"There is no flow connection {flow_connection_id}.")
            return store.all_of(connection, flow_connection_id)

        rows = await self._database.read(unit)
        return [_shown(row) for row in rows]

    async def of(self, flow_connection_ids: Sequence[str]) -> Mapping[str, Sequence[BackgroundJobView]]:
        """The jobs of several flow connections by its id; an empty list for one that does not exist."""
        read = self._database.read
        rows = await read(lambda connection: [(id_, store.all_of(connection, id_)) for id_ in flow_connection_ids])
        return {id_: [_shown(row) for row in job_rows] for id_, job_rows in rows}

    async def take_over(self) -> None:
        """Release every lease when this process starts, if the database is embedded and no other process can hold one."""
        if self._database.dialect == "sqlite":
            await self._database.write(store.take_over)

    async def find(self) -> None:
        """Add the jobs that enabled flow connections need and end those that none needs any more."""

        def plan(connection: Connection) -> _Plan:
            required = self._required(connection)
            rows = {(row.flow_connection_id, row.kind): row for row in store.all_of(connection)}
            new = [values for key, values in required.items() if key not in rows and not self._works[key[1]].on_request]
            other = [
                (rows[key], values) for key, values in required.items() if key in rows and _differs(rows[key], values)
            ]
            return new, [row for key, row in rows.items() if key not in required and row.due_at is not None], other

        def unit(connection: Connection) -> None:
            new, old, other = plan(connection)
            for values in new:
                store.add(connection, values)
            for row in old:
                self._works[row.kind].unneeded(connection, row)
            for row, values in other:
                self._works[row.kind].changed(connection, row, values)

        if any(await self._database.read(plan)):
            await self._database.write(alone(unit))

    async def take(self, count: int) -> Sequence[BackgroundJob]:
        """Lease up to `count` due jobs."""
        due = await self._database.read(store.next_due)
        if due is None or due > clock.now():
            return []
        rows = await self._database.write(lambda connection: store.claim(connection, count))
        return [_job(row) for row in rows]

    async def perform(self, job: BackgroundJob) -> None:
        """Do one slice of a job. Never raises, except when it is cancelled."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._perform(job)
        except (LeaseLost, StoreUnavailable) as error:
            _log.info(
                "the lease of a background job was lost", job=job.kind, of=job.flow_connection_id, reason=repr(error)
            )
        except AppError as error:
            await self._failed(job, error)
        except TimeoutError:
            await self._failed(job, Unavailable("The vendor took too long to answer."))
        except asyncio.CancelledError:
            await asyncio.shield(self._release(job))
            raise
        except Exception as error:  # noqa: BLE001 - a defect of one app must not stop the others; it is logged
            _log.exception("a background job failed by a defect", job=job.kind, of=job.flow_connection_id)
            await self._failed(job, AppError(f"A defect in {job.subject} ({type(error).__name__}); it was logged."))

    async def _perform(self, job: BackgroundJob) -> None:
        work = self._works[job.kind]
        target, bound = await self._database.read(
            lambda connection: self._vendors.read(connection, job.flow_connection_id, job.connection_id)
        )
        is_current = target is not None and work.subject(target) == job.subject
        if not is_current and not work.outlives:
            await self._database.write(lambda connection: keep(connection, job, due_at=None))
            return
        if bound is not None and bound.status != "active":
            sentence = f"Waits for the connection {bound.name!r}. {bound.status_reason}".strip()
            until = clock.now() + _PAUSED
            await self._save(job, {"due_at": until, "leased_until": None, "sentence": sentence})
            return
        await work.perform(job, target, bound)

    async def _failed(self, job: BackgroundJob, error: AppError) -> None:
        failures = job.failures + 1
        pause = min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 20), _LONGEST_PAUSE)
        pause *= 0.75 + random.random() / 2  # noqa: S311 - jitter, no secret
        if isinstance(error, Retry) and error.retry_after is not None:
            pause = max(pause, error.retry_after)
        note = f"{_NAMES[job.kind]} fails: {error.message}" if failures >= _NOTED_AFTER else ""
        values = {
            "failures": failures,
            "sentence": error.message,
            "note": note,
            "due_at": clock.now() + pause,
            "leased_until": None,
        }

        def unit(connection: Connection) -> None:
            if not store.save(connection, job.flow_connection_id, job.kind, job.lease, values):
                return
            _, bound = self._vendors.read(connection, job.flow_connection_id, job.connection_id)
            if isinstance(error, AuthFailed) and bound is not None:
                break_connection(connection, bound.id, bound.version, error.message)
            store.show_on_connection(connection, job.connection_id)

        await self._write(unit)

    async def _release(self, job: BackgroundJob) -> None:
        await self._save(job, {"leased_until": None})

    async def _save(self, job: BackgroundJob, values: dict[str, Any]) -> None:
        await self._write(
            lambda connection: store.save(connection, job.flow_connection_id, job.kind, job.lease, values)
        )

    async def _write(self, unit: Any) -> None:  # noqa: ANN401 - a unit of work
        try:
            await self._database.write(unit)
        except StoreUnavailable:
            _log.warning("the lease of a background job could not be released; the job goes on when the lease ends")

    def _required(self, connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
        required: dict[tuple[str, str], dict[str, Any]] = {}
        for target in self._vendors.all(connection):
            for work in self._works.values():
                subject = work.subject(target)
                if subject is not None:
                    required[target.id, work.kind] = {
                        "flow_connection_id": target.id,
                        "kind": work.kind,
                        "connection_id": target.connection_id,
                        "subject": subject,
                    }
        return required


_NAMES = {
    "poll": "Polling",
    "backfill": "The backfill",
    "schedule": "The schedule",
    "gaps": "Looking for missed webhooks",
    "registration": "Registering the webhook",
}


def _differs(row: Row[Any], values: dict[str, Any]) -> bool:
    """Whether the subject of a job changed, or the job rests although it is needed."""
    return bool(row.subject != values["subject"] or (row.due_at is None and row.phase != "done"))


def go_on(connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
    """Resume a job that rests; start it over when its subject changed."""
    key, now = (row.flow_connection_id, row.kind), clock.now()
    blank = {"phase": "new", "cursor": None, "failures": 0, "sentence": "", "note": "", "created_at": now}
    is_same = row.subject == values["subject"]
    store.change(connection, *key, {"due_at": now} if is_same else {**values, **blank, "due_at": now})


def memory_of(job: BackgroundJob | Row[Any]) -> str:
    """The key under which the known items of a job are kept."""
    return f"{job.flow_connection_id}/{job.kind}"


def rest(connection: Connection, row: Row[Any]) -> None:
    """Pause a job until its flow connection is enabled again; remove it when the flow connection is gone."""
    if links.one(connection, row.flow_connection_id) is None:
        store.remove(connection, row.flow_connection_id, row.kind)
        store.forget(connection, memory_of(row))
    else:
        store.change(connection, row.flow_connection_id, row.kind, {"due_at": None, "note": ""})
    store.show_on_connection(connection, row.connection_id)


def drop(connection: Connection, row: Row[Any]) -> None:
    """Remove a job."""
    store.remove(connection, row.flow_connection_id, row.kind)
    store.show_on_connection(connection, row.connection_id)


def _shown(row: Row[Any]) -> BackgroundJobView:
    return BackgroundJobView(**{name: getattr(row, name) for name in BackgroundJobView.__dataclass_fields__})


def _job(row: Row[Any]) -> BackgroundJob:
    names = [name for name in BackgroundJob.__dataclass_fields__ if name != "begun"]
    return BackgroundJob(**{name: getattr(row, name) for name in names}, begun=monotonic())
