"""Turns event drafts into events with their runs: without duplicates, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Connection, select, text

from affluent.domain.event import Accepted, EventDraft
from affluent.domain.run import RunState
from affluent.engine.event_drafts import storable
from affluent.engine.fairness import FairClock
from affluent.engine.positions import Learner
from affluent.engine.queue import Queue
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, dumps
from affluent.store import bulk, ledger, tables
from affluent.store.database import on_commit

_EVENT_COLUMNS = [column.name for column in tables.events.columns]
_RUN_COLUMNS = [column.name for column in tables.runs.columns]
_LOOK_AGAIN_SECONDS = 0.25
_FOLLOWING = text("SELECT rank FROM runs WHERE state = 'queued' AND ready ORDER BY priority, rank, id LIMIT 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What an enabled flow connection listens to."""

    flow_connection_id: str
    flow_id: str
    flow_version: int
    app: str
    event: str
    source: str


class Intake:
    """Accepts event drafts.

    `wake` is called after the commit, when there are new runs to execute; `learner` takes what events say about money;
    `composed` has the triggers that several types of events start: (app, trigger's event) → those types.
    """

    def __init__(
        self,
        queue: Queue,
        fair: FairClock,
        wake: Callable[[], None],
        *,
        learner: Learner | None = None,
        composed: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
    ) -> None:
        self._queue = queue
        self._fair = fair
        self._wake = wake
        self._looked_at = -_LOOK_AGAIN_SECONDS
        self._learner = learner
        self._composed = composed or {}

    def accept(self, connection: Connection, drafts: Sequence[EventDraft]) -> list[Accepted]:
        """Store the events that are new and queue a run per enabled flow connection whose trigger matches.

        An event is new when its id is, and what its sender signed is too. Returns one answer per draft, in order. Repeated
        events are answered with the id of the event that is already there.
        """
        drafts = [storable(draft) for draft in drafts]
        rows: dict[tuple[str, str], bulk.Row] = {}
        for draft in drafts:
            key = (draft.source, draft.external_id)
            if key not in rows:  # ids sort by the order in which things happened
                rows[key] = _event_row(draft)
        fresh = _insert_events(connection, list(rows.values()))
        self._learn(connection, drafts, rows, fresh)
        known = self._known(connection, [row for row in rows.values() if row["id"] not in fresh])
        subscriptions = _subscriptions(connection) if fresh else []
        if subscriptions:
            self._look_at_queue(connection)
        runs: list[bulk.Row] = []
        answers: list[Accepted] = []
        for draft in drafts:
            row_id: str = rows[draft.source, draft.external_id]["id"]
            event_id = known.get(row_id, row_id)
            is_new = event_id in fresh
            fresh.discard(event_id)  # the next draft of this event is a repeat
            event_runs = self._run_rows(draft, event_id, subscriptions) if is_new else []
            answers.append(Accepted(event_id=event_id, is_new=is_new, run_ids=tuple(run["id"] for run in event_runs)))
            runs += event_runs
        self.enqueue(connection, runs)
        return answers

    def accept_each(self, connection: Connection, items: Sequence[Sequence[EventDraft]]) -> list[list[Accepted]]:
        """As accept, for many callers at once; a processor of the grouped writer."""
        flat = self.accept(connection, [draft for drafts in items for draft in drafts])
        answers: list[list[Accepted]] = []
        start = 0
        for drafts in items:
            answers.append(flat[start : start + len(drafts)])
            start += len(drafts)
        return answers

    def enqueue(self, connection: Connection, runs: list[bulk.Row]) -> None:
        """Insert run rows; each is ready unless an unfinished run of its ordering key goes before it."""
        if not runs:
            return
        keys = sorted({run["ordering_key"] for run in runs if run["ordering_key"] != run["id"]})
        self._queue.lock(connection, keys)
        busy = _busy(connection, keys)
        placed: list[bulk.Row] = []
        for run in sorted(runs, key=lambda row: (row["event_at"], row["id"])):
            placed.append({**run, "ready": run["ordering_key"] not in busy})
            busy.add(run["ordering_key"])
        bulk.insert(connection, tables.runs, placed, columns=_RUN_COLUMNS)
        ledger.queued(connection, placed)
        self._queue.put(connection, [run for run in placed if run["ready"]])
        on_commit(connection, self._wake)

    def _learn(
        self,
        connection: Connection,
        drafts: Sequence[EventDraft],
        rows: Mapping[tuple[str, str], bulk.Row],
        fresh: AbstractSet[str],
    ) -> None:
        """Record what the new events say about money."""
        if self._learner is None or not fresh:
            return
        by_id = {rows[draft.source, draft.external_id]["id"]: draft for draft in reversed(drafts)}
        self._learner.events(connection, [(id_, draft) for id_, draft in by_id.items() if id_ in fresh])

    def _look_at_queue(self, connection: Connection) -> None:
        if monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
            self._looked_at = monotonic()
            self._fair.observe(connection.execute(_FOLLOWING).scalar())

    def _run_rows(self, draft: EventDraft, event_id: str, subscriptions: Sequence[Subscription]) -> list[bulk.Row]:
        return [
            run_row(
                new_id("run"),
                draft,
                event_id,
                flow_id=subscription.flow_id,
                flow_version=subscription.flow_version,
                flow_connection_id=subscription.flow_connection_id,
                rank=self._fair.rank(subscription.flow_connection_id),
            )
            for subscription in subscriptions
            if self._matches(subscription, draft)
        ]

    def _matches(self, subscription: Subscription, draft: EventDraft) -> bool:
        if draft.only_flow_connection:
            return subscription.flow_connection_id == draft.only_flow_connection
        if subscription.app != draft.app or subscription.source != draft.source:
            return False
        own = subscription.event
        return draft.type == own or draft.type in self._composed.get((subscription.app, own), ())

    @staticmethod
    def _known(connection: Connection, rows: Sequence[bulk.Row]) -> dict[str, str]:
        """By the id of a row that was not stored: the id of the event that is there instead."""
        stored_ids: dict[tuple[str, str, str], str] = {}
        for source in {row["source"] for row in rows}:
            for name in ("signed_hash", "external_id"):
                values = [row[name] for row in rows if row["source"] == source and row[name]]
                sql = text(
                    f"SELECT {name}, id FROM events WHERE source = :source AND {name} IN "
                    + bulk.each(connection.dialect.name)
                )
                for value, event_id in connection.execute(sql, {"source": source, "keys": dumps(values)}):
                    stored_ids[(source, name, value)] = event_id
        return {
            row["id"]: stored_ids.get((row["source"], "external_id", row["external_id"]))
            or stored_ids[(row["source"], "signed_hash", row["signed_hash"])]
            for row in rows
        }


def _insert_events(connection: Connection, rows: Sequence[bulk.Row]) -> set[str]:
    """Insert the events that are new; returns their ids."""
    inserted = bulk.insert(connection, tables.events, rows, columns=_EVENT_COLUMNS, unique=bulk.ANY, returning=("id",))
    fresh = {row[0] for row in inserted}
    ledger.accepted(connection, [row for row in rows if row["id"] in fresh])
    return fresh


def run_row(
    run_id: str,
    draft: EventDraft,
    event_id: str,
    *,
    flow_id: str,
    flow_version: int,
    flow_connection_id: str,
    rank: int,
    replay_of: str | None = None,
) -> JSONObject:
    """A queued run of an event."""
    now = clock.to_micros(clock.now())
    return {
        "id": run_id,
        "event_id": event_id,
        "flow_id": flow_id,
        "flow_version": flow_version,
        "flow_connection_id": flow_connection_id,
        "state": RunState.QUEUED.value,
        "ready": True,
        "priority": int(draft.priority),
        "rank": rank,
        "ordering_key": f"{draft.app}:{draft.account_id}" if draft.account_id else run_id,
        "event_at": clock.to_micros(draft.occurred_at),
        "due_at": now,
        "lease": 0,
        "job_id": None,
        "position": 0,
        "tries": 0,
        "first_failed_at": None,
        "replay_of": replay_of,
        "account_id": draft.account_id,
        "title": draft.title,
        "amount_minor": draft.money.minor_units if draft.money else None,
        "currency": draft.money.currency if draft.money else None,
        "sentence": "",
        "cause": "",
        "waits_for": "",
        "cancel": False,
        "created_at": now,
        "started_at": None,
        "finished_at": None,
    }


def _event_row(draft: EventDraft) -> JSONObject:
    return {
        "id": new_id("evt"),
        "source": draft.source,
        "external_id": draft.external_id,
        "signed_hash": draft.signed_hash or None,
        "app": draft.app,
        "type": draft.type,
        "account_id": draft.account_id,
        "customer_id": draft.customer_id,
        "title": draft.title,
        "amount_minor": draft.money.minor_units if draft.money else None,
        "currency": draft.money.currency if draft.money else None,
        "occurred_at": clock.to_micros(draft.occurred_at),
        "received_at": clock.to_micros(clock.now()),
        "payload": dumps(draft.payload),
    }


def _subscriptions(connection: Connection) -> list[Subscription]:
    links, flows = tables.flow_connections, tables.flows
    query = (
        select(
            links.c.id,
            links.c.flow_id,
            flows.c.version,
            links.c.trigger_app,
            links.c.trigger_event,
            links.c.trigger_source,
        )
        .join_from(links, flows, links.c.flow_id == flows.c.id)
        .where(links.c.enabled)
        .order_by(links.c.id)
    )
    return [
        Subscription(
            flow_connection_id=row[0], flow_id=row[1], flow_version=row[2], app=row[3], event=row[4], source=row[5]
        )
        for row in connection.execute(query)
    ]


def _busy(connection: Connection, keys: list[str]) -> set[str]:
    if not keys:
        return set()
    sql = text(
        "SELECT DISTINCT ordering_key FROM runs WHERE finished_at IS NULL AND ordering_key IN "
        + bulk.each(connection.dialect.name)
    )
    return {row[0] for row in connection.execute(sql, {"keys": dumps(keys)})}
