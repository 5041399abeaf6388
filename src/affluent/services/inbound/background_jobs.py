"""Duties: found for every enabled flow connection, taken by one worker at a time, done in slices, their failures shown."""

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

_log = logger("duties")
_SLICE_SECONDS = 20.0
_LONGEST_SECONDS = 150.0
"""Less than a lease: what takes longer is given up before another worker may begin it."""
_PAUSED = timedelta(seconds=15)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_NOTED_AFTER = 3
"""So many failures in a row are worth a word on the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJob:
    """One piece of standing work, taken."""

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
    """A duty as it is shown on its flow connection."""

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
    """One kind of duty."""

    kind: str
    on_request: bool
    """True: begun by a person only."""
    outlives: bool
    """True: it has something to do even when its flow connection is disabled or gone; `target` may then be None."""

    def subject(self, target: Target) -> str | None:
        """What the duty is about; None: this flow connection has no such duty now. A new subject begins anew."""

    def unwanted(self, connection: Connection, row: Row[Any]) -> None:
        """The flow connection was disabled or removed, or its trigger changed: end the duty, or let it rest."""

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """The duty is wanted, but rests or was about something else: `values` are what it is about now."""

    async def perform(self, duty: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Do one slice and `keep` what comes of it. Raises AppError, LeaseLost."""


class LeaseLost(Exception):
    """Another worker, or a change by a person, has the duty now; nothing of the slice is kept."""


def keep(connection: Connection, duty: BackgroundJob, **values: Any) -> None:  # noqa: ANN401 - columns of the row
    """Change the duty in the caller's transaction and renew its lease; raises LeaseLost, which undoes the transaction.

    With `due_at` the duty is given back; without, it is kept for the next page.
    """
    lease = {"leased_until": None if "due_at" in values else clock.now() + store.LEASE}
    fine = {"failures": 0, "note": "", "sentence": "", "succeeded_at": clock.now()}
    if not store.save(connection, duty.flow_connection_id, duty.kind, duty.lease, {**lease, **fine, **values}):
        raise LeaseLost
    if values.get("note") or duty.note:
        store.show_on_connection(connection, duty.connection_id)


_Plan = tuple[list[dict[str, Any]], list[Row[Any]], list[tuple[Row[Any], dict[str, Any]]]]
"""New duties, rows that nobody wants any more, rows that change with what they are about now."""


class BackgroundJobs:
    """Use cases of duties. `works` says what kinds there are."""

    def __init__(self, *, database: Database, vendors: Vendors, works: Sequence[Work]) -> None:
        self._database = database
        self._vendors = vendors
        self._works: Mapping[str, Work] = {work.kind: work for work in works}

    async def list(self, flow_connection_id: str) -> Sequence[BackgroundJobView]:
        """The duties of a flow connection; raises NotFound."""

        def unit(connection: Connection) -> Sequence[Row[Any]]:
            if links.one(connection, flow_connection_id) is None:
                raise NotFound(f"There is no flow connection {flow_connection_id}.")
            return store.all_of(connection, flow_connection_id)

        rows = await self._database.read(unit)
        return [_shown(row) for row in rows]

    async def of(self, flow_connection_ids: Sequence[str]) -> Mapping[str, Sequence[BackgroundJobView]]:
        """The duties of several flow connections; nothing of those that are gone."""
        read = self._database.read
        rows = await read(lambda connection: [(id_, store.all_of(connection, id_)) for id_ in flow_connection_ids])
        return {id_: [_shown(row) for row in job_rows] for id_, job_rows in rows}

    async def take_over(self) -> None:
        """At the start of a process: where it is the only one, nobody else can still have a duty."""
        if self._database.dialect == "sqlite":
            await self._database.write(store.take_over)

    async def find(self) -> None:
        """Give every enabled flow connection its duties and end those that nobody wants any more."""

        def plan(connection: Connection) -> _Plan:
            required = self._wanted(connection)
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
                self._works[row.kind].unwanted(connection, row)
            for row, values in other:
                self._works[row.kind].changed(connection, row, values)

        if any(await self._database.read(plan)):
            await self._database.write(alone(unit))

    async def take(self, count: int) -> Sequence[BackgroundJob]:
        """Take up to `count` due duties."""
        due = await self._database.read(store.next_due)
        if due is None or due > clock.now():
            return []
        rows = await self._database.write(lambda connection: store.claim(connection, count))
        return [_duty(row) for row in rows]

    async def perform(self, duty: BackgroundJob) -> None:
        """Do one slice of a duty. Never raises, except when it is cancelled."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._perform(duty)
        except (LeaseLost, StoreUnavailable) as error:
            _log.info("duty left to others", duty=duty.kind, of=duty.flow_connection_id, reason=repr(error))
        except AppError as error:
            await self._failed(duty, error)
        except TimeoutError:
            await self._failed(duty, Unavailable("The vendor took too long to answer."))
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(duty))
            raise
        except Exception as error:  # noqa: BLE001 - a defect of one app must not stop the others; it is logged
            _log.exception("duty failed by a defect", duty=duty.kind, of=duty.flow_connection_id)
            await self._failed(duty, AppError(f"A defect in {duty.subject} ({type(error).__name__}); it was logged."))

    async def _perform(self, duty: BackgroundJob) -> None:
        work = self._works[duty.kind]
        target, bound = await self._database.read(
            lambda connection: self._vendors.read(connection, duty.flow_connection_id, duty.connection_id)
        )
        is_current = target is not None and work.subject(target) == duty.subject
        if not is_current and not work.outlives:
            await self._database.write(lambda connection: keep(connection, duty, due_at=None))
            return
        if bound is not None and bound.status != "active":
            sentence = f"Waits for the connection {bound.name!r}. {bound.status_reason}".strip()
            until = clock.now() + _PAUSED
            await self._save(duty, {"due_at": until, "leased_until": None, "sentence": sentence})
            return
        await work.perform(duty, target, bound)

    async def _failed(self, duty: BackgroundJob, error: AppError) -> None:
        failures = duty.failures + 1
        pause = min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 20), _LONGEST_PAUSE)
        pause *= 0.75 + random.random() / 2  # noqa: S311 - jitter, no secret
        if isinstance(error, Retry) and error.retry_after is not None:
            pause = max(pause, error.retry_after)
        note = f"{_NAMES[duty.kind]} fails: {error.message}" if failures >= _NOTED_AFTER else ""
        values = {
            "failures": failures,
            "sentence": error.message,
            "note": note,
            "due_at": clock.now() + pause,
            "leased_until": None,
        }

        def unit(connection: Connection) -> None:
            if not store.save(connection, duty.flow_connection_id, duty.kind, duty.lease, values):
                return
            _, bound = self._vendors.read(connection, duty.flow_connection_id, duty.connection_id)
            if isinstance(error, AuthFailed) and bound is not None:
                break_connection(connection, bound.id, bound.version, error.message)
            store.show_on_connection(connection, duty.connection_id)

        await self._write(unit)

    async def _give_back(self, duty: BackgroundJob) -> None:
        await self._save(duty, {"leased_until": None})

    async def _save(self, duty: BackgroundJob, values: dict[str, Any]) -> None:
        await self._write(
            lambda connection: store.save(connection, duty.flow_connection_id, duty.kind, duty.lease, values)
        )

    async def _write(self, unit: Any) -> None:  # noqa: ANN401 - a unit of work
        try:
            await self._database.write(unit)
        except StoreUnavailable:
            _log.warning("duty not given back; it goes on when its lease has ended")

    def _wanted(self, connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
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
    """Whether a duty is about something else now, or rests although it is wanted."""
    return bool(row.subject != values["subject"] or (row.due_at is None and row.phase != "done"))


def go_on(connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
    """Wake a duty that rests; one that is about something else now begins anew."""
    key, now = (row.flow_connection_id, row.kind), clock.now()
    blank = {"phase": "new", "cursor": None, "failures": 0, "sentence": "", "note": "", "created_at": now}
    is_same = row.subject == values["subject"]
    store.change(connection, *key, {"due_at": now} if is_same else {**values, **blank, "due_at": now})


def memory_of(duty: BackgroundJob | Row[Any]) -> str:
    """Under what the items of a duty are remembered."""
    return f"{duty.flow_connection_id}/{duty.kind}"


def rest(connection: Connection, row: Row[Any]) -> None:
    """Let a duty rest where it is until its flow connection is enabled again; of one that is gone nothing is kept."""
    if links.one(connection, row.flow_connection_id) is None:
        store.remove(connection, row.flow_connection_id, row.kind)
        store.forget(connection, memory_of(row))
    else:
        store.change(connection, row.flow_connection_id, row.kind, {"due_at": None, "note": ""})
    store.show_on_connection(connection, row.connection_id)


def drop(connection: Connection, row: Row[Any]) -> None:
    """End a duty and forget it."""
    store.remove(connection, row.flow_connection_id, row.kind)
    store.show_on_connection(connection, row.connection_id)


def _shown(row: Row[Any]) -> BackgroundJobView:
    return BackgroundJobView(**{name: getattr(row, name) for name in BackgroundJobView.__dataclass_fields__})


def _duty(row: Row[Any]) -> BackgroundJob:
    names = [name for name in BackgroundJob.__dataclass_fields__ if name != "begun"]
    return BackgroundJob(**{name: getattr(row, name) for name in names}, begun=monotonic())
