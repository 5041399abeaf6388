"""Runs: list, inspect, resume, replay, cancel; alone and in bulk with a forecast first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.event import EventDraft, Priority
from affluent.domain.run import RESUMABLE, UNFINISHED, RunState
from affluent.engine import recovery
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake, run_row
from affluent.engine.journal import Journal
from affluent.engine.queue import Queue
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.sdk import App
from affluent.services.connections.owners import refuse_without_rights
from affluent.services.errors import Conflict, NotFound
from affluent.services.paging import LARGEST_PAGE, Page, bounded
from affluent.services.runs import forecasts as run_forecasts
from affluent.services.runs.forecasts import Forecast
from affluent.services.runs.views import Cause, RunDetail, RunView, detail, money, view
from affluent.store import flow_connections as links
from affluent.store import flows, ledger
from affluent.store import runs as store
from affluent.store.audit.recording import note
from affluent.store.database import Database, on_commit
from affluent.store.runs import RunFilter

_CHUNK = 100

__all__ = ["BulkAction", "Forecast", "RunFilter", "RunPage", "Runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage(Page[RunView]):
    """A page of runs."""

    looked_back_to: datetime | None = None
    """A search for a text has read the runs back to then, and the next page reads older ones."""


class BulkAction(StrEnum):
    """What may be done to many runs at once."""

    RESUME = "resume"
    REPLAY = "replay"
    CANCEL = "cancel"


class Runs:
    """Use cases of runs."""

    def __init__(
        self,
        *,
        database: Database,
        intake: Intake,
        journal: Journal,
        queue: Queue,
        fair: FairClock,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._intake = intake
        self._journal = journal
        self._queue = queue
        self._fair = fair
        self._wake = wake

    async def find(self, filter_: RunFilter, *, limit: int = 50, before: str = "", after: str = "") -> list[RunView]:
        """Runs, newest first, older than `before`; or newer than `after`, oldest first."""
        rows = await self._database.read(
            lambda c: store.find(c, filter_, limit=min(limit, LARGEST_PAGE + 1), before=before, after=after)
        )
        return [view(row) for row in rows]

    async def page(self, filter_: RunFilter, *, limit: int = 50, after: str = "") -> RunPage:
        """A page of runs, newest first. One for a text may be short and still have a next one, which looks further back."""
        limit = bounded(limit)
        if not filter_.text:
            views = await self.find(filter_, limit=limit + 1, before=after)
            return RunPage(items=tuple(views[:limit]), next=views[limit - 1].id if len(views) > limit else "")
        rows, end = await self._database.read(lambda c: store.look(c, filter_, limit=limit, cursor=after))
        return RunPage(items=tuple(view(row) for row in rows), next=end.next, looked_back_to=end.stopped_at)

    async def get(self, run_id: str) -> RunDetail:
        """Everything about one run; raises NotFound."""
        return await self._database.read(lambda connection: detail(connection, run_id))

    async def causes(self) -> list[Cause]:
        """Failures grouped by cause, largest first."""
        rows = await self._database.read(store.failures_by_cause)
        return [
            Cause(
                state=row.state,
                cause=row.cause,
                sentence=row.sentence,
                flow_id=row.flow_id,
                flow_name=row.flow_name,
                connection_id=row.connection_id,
                count=row.number,
                last_run_id=row.last_id,
            )
            for row in rows
        ]

    async def counts(self, since: datetime | None = None) -> dict[str, int]:
        """How many runs stand where."""
        return await self._database.read(lambda connection: store.counts_by_state(connection, since))

    async def resume(self, run_id: str) -> RunView:
        """Continue a run from the step where it stands; at once, also when it would wait. Raises NotFound, Conflict."""
        await self._database.write(lambda connection: self._resume(connection, run_id))
        return (await self.get(run_id)).run

    async def replay(self, run_id: str, *, version: int | None = None) -> RunView:
        """A new run of the same event, on the flow's current version or a named one. Applied effects are not repeated."""
        new = await self._database.write(lambda connection: self._replay(connection, run_id, version))
        return (await self.get(new)).run

    async def cancel(self, run_id: str) -> RunView:
        """Stop a run; one that is executing stops after its current step. Raises NotFound, Conflict."""
        await self._database.write(lambda connection: self._cancel(connection, run_id))
        return (await self.get(run_id)).run

    async def forecast(self, filter_: RunFilter, action: BulkAction) -> Forecast:
        """What the bulk action would do, without doing it."""
        return await self._database.read(
            lambda connection: run_forecasts.forecast(
                connection,
                filter_,
                action=action.value,
                possible=_possible(action),
                sends=action is not BulkAction.CANCEL,
                replays=action is BulkAction.REPLAY,
            )
        )

    async def bulk(
        self, filter_: RunFilter, action: BulkAction, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> int:
        """Do it to all runs of the filter that allow it; returns how many. Replays and resumes go behind live events."""
        act: dict[BulkAction, Callable[[Connection, str], object]] = {
            BulkAction.RESUME: self._resume,
            BulkAction.REPLAY: lambda connection, run_id: self._replay(connection, run_id, None, Priority.BACKFILL),
            BulkAction.CANCEL: self._cancel,
        }
        ids = await self._database.read(
            lambda connection: store.ids_of(connection, filter_, _possible(action), limit=run_forecasts.LARGEST)
        )
        done = 0
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]

            def unit(connection: Connection, chunk: Sequence[str] = chunk) -> int:
                self._queue.lock(connection, store.ordering_keys(connection, chunk))
                return sum(_quietly(act[action], connection, run_id) for run_id in chunk)

            done += await self._database.write(unit)
            progress(start + len(chunk), len(ids))
        return done

    async def settle_unknown(self, apps: Mapping[str, App]) -> int:
        """Resume the ended runs whose unknown effect the vendor can tell about; returns how many."""
        ids = await self._database.read(lambda connection: recovery.tellable(connection, apps))
        if not ids:
            return 0
        return await self.bulk(RunFilter(ids=tuple(ids)), BulkAction.RESUME)

    def _resume(self, connection: Connection, run_id: str) -> None:
        row = self._locked(connection, run_id)
        if RunState(row.state) not in RESUMABLE:
            raise Conflict(
                f"This run is {row.state}; only a failed, unknown, cancelled, paused or waiting run can be resumed."
            )
        _remembered(connection, row)
        bindings = links.bindings_of(connection, row.flow_connection_id)
        refuse_without_rights(connection, (bindings or {}).values())
        ledger.moved(connection, [(run_id, ledger.OPEN)])
        note(connection, "resumed", "run", subject=run_id, name=row.title, was=row.state)
        store.queue_again(connection, run_id, ready=row.finished_at is None and row.ready)
        if row.finished_at is None and row.ready:
            self._queue.put(connection, [_queued(row)])
            on_commit(connection, self._wake)
        else:
            self._make_ready(connection, row)

    def _make_ready(self, connection: Connection, row: Row[Any]) -> None:
        if not store.has_ready(connection, row.ordering_key):
            self._journal.release(connection, [row.ordering_key])

    def _replay(
        self, connection: Connection, run_id: str, version: int | None, priority: Priority | None = None
    ) -> str:
        row = _row(connection, run_id)
        current = flows.current_version(connection, row.flow_id)
        bindings = links.bindings_of(connection, row.flow_connection_id)
        if current is None or bindings is None:
            raise Conflict("The flow connection of this run was removed, so its event cannot be replayed through it.")
        refuse_without_rights(connection, bindings.values())
        number = version or current
        if not flows.has_version(connection, row.flow_id, number):
            raise NotFound(f"This flow has no version {number}.", field="version")
        event = _event(connection, row.event_id)
        new = new_id("run")
        draft = _draft(event, Priority(row.priority) if priority is None else priority)
        made = run_row(
            new,
            draft,
            row.event_id,
            flow_id=row.flow_id,
            flow_version=number,
            flow_connection_id=row.flow_connection_id,
            rank=self._fair.rank(row.flow_connection_id),
            replay_of=run_id,
        )
        self._intake.enqueue(connection, [made])
        note(connection, "replayed", "run", subject=run_id, name=row.title, version=number, new_run=new)
        return new

    def _cancel(self, connection: Connection, run_id: str) -> None:
        row = self._locked(connection, run_id)
        state = RunState(row.state)
        if state not in UNFINISHED:
            raise Conflict(f"This run has ended ({row.state}); there is nothing to cancel.")
        note(connection, "cancelled", "run", subject=run_id, name=row.title, was=row.state)
        if state is RunState.RUNNING:
            store.ask_to_cancel(connection, run_id)
            return
        ledger.moved(connection, [(run_id, RunState.CANCELLED.value)])
        store.cancel(connection, run_id, "Cancelled by a person.")
        self._journal.release(connection, [row.ordering_key])

    def _locked(self, connection: Connection, run_id: str) -> Row[Any]:
        """The run, which nobody else changes until the transaction ends. Ordering key first, as the journal does."""
        self._queue.lock(connection, store.ordering_keys(connection, [run_id]))
        return _row(connection, run_id)


def _quietly(act: Callable[[Connection, str], object], connection: Connection, run_id: str) -> bool:
    """Whether it could be done; what another person did meanwhile is no error in bulk."""
    try:
        act(connection, run_id)
    except (Conflict, NotFound):
        return False
    return True


def _possible(action: BulkAction) -> tuple[str, ...]:
    if action is BulkAction.RESUME:
        return tuple(sorted(RESUMABLE))
    if action is BulkAction.CANCEL:
        return tuple(sorted(UNFINISHED))
    return tuple(sorted(set(RunState) - {RunState.RUNNING}))


def _row(connection: Connection, run_id: str) -> Row[Any]:
    row = store.locked(connection, run_id)
    if row is None:
        raise NotFound(f"There is no run {run_id}.")
    return row


def _queued(row: Row[Any]) -> dict[str, object]:
    return {"id": row.id, "priority": row.priority, "rank": row.rank, "due_at": clock.to_micros(clock.now())}


def _event(connection: Connection, event_id: str) -> Row[Any]:
    """The event, whose payload is here and stays until the transaction ends; raises Conflict."""
    event = store.event_of(connection, event_id, lock=True)
    if event.forgotten_at is not None:
        raise Conflict(
            f"Retention took the payload of this event on {event.forgotten_at:%Y-%m-%d}, so nothing can be made of it again."
        )
    return event


def _remembered(connection: Connection, run: Row[Any]) -> None:
    """Raises Conflict when retention took what the run would go on with."""
    _event(connection, run.event_id)
    if run.forgotten_at is not None:
        raise Conflict(
            f"Retention took the values of this run on {run.forgotten_at:%Y-%m-%d}. Replay it: what is applied is not repeated."
        )


def _draft(event: Row[Any], priority: Priority) -> EventDraft:
    return EventDraft(
        app=event.app,
        source=event.source,
        type=event.type,
        external_id=event.external_id,
        occurred_at=event.occurred_at,
        payload={},
        account_id=event.account_id,
        customer_id=event.customer_id,
        title=event.title,
        money=money(event),
        priority=priority,
    )
