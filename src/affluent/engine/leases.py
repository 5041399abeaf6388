"""Leases on runs: takes due runs, and reads what the executor needs of them in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, TextClause, text

from affluent.kit.clock import from_micros, now, to_micros
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, dumps, stored
from affluent.kit.logs import logger
from affluent.store import bulk

_log = logger("leases")
_TEXTS = ("event_id", "flow_id", "flow_connection_id", "ordering_key", "account_id", "title")
_NUMBERS = ("flow_version", "priority", "rank", "position", "tries", "started_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStep:
    """The step at a position as an earlier try of this run left it."""

    step_id: str
    state: str
    outcome: str
    output: JSONValue
    tries: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRun:
    """A leased run whose stored data cannot be read: it is set aside, and the others go on."""

    id: str
    lease: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedRun:
    """A run that this process executes until another takes the lease."""

    id: str
    lease: int
    event_id: str
    flow_id: str
    flow_version: int
    flow_connection_id: str
    priority: int
    rank: int
    ordering_key: str
    position: int
    tries: int
    first_failed_at: datetime | None
    started_at: datetime
    due_at: datetime
    replay_of: str | None
    account_id: str
    title: str
    cancel: bool
    event_app: str
    event_type: str
    occurred_at: datetime
    payload: JSONObject
    earlier: dict[int, EarlierStep] = field(default_factory=dict)

    @property
    def is_first_try(self) -> bool:
        """Whether nothing of this event can have been sent for this flow connection before."""
        return self.lease == 1 and self.replay_of is None

    def maybe_sent_since(self, position: int) -> datetime | None:
        """Since when a first try that left no trace may have sent something at this position; None: none did.

        A first try commits no intent, so one that was cut off is known only by its lease. Whatever was written of the run
        later, a wait, a pause or a resume, set the time it was due.
        """
        if self.lease == 1 or self.replay_of is not None or position != self.position:
            return None
        return max(self.started_at, self.due_at)


CLOCK_STEP = timedelta(seconds=2)
"""A clock that is off by more was set, not corrected."""

_RETURNING = (
    " RETURNING id, lease, event_id, flow_id, flow_version, flow_connection_id, priority, rank, ordering_key, position, tries,"
    " first_failed_at, started_at, due_at, replay_of, account_id, title, cancel"
)
_TAKE = "UPDATE runs SET state = 'running', lease = lease + 1, started_at = COALESCE(started_at, :now)"
_DUE = text(
    _TAKE
    + " WHERE id IN (SELECT id FROM runs WHERE state = 'queued' AND ready AND priority <= :most"
    + " ORDER BY priority, rank, id LIMIT :count)"
    + _RETURNING
)
_BY_JOB = text(
    "UPDATE runs SET state = 'running', lease = lease + 1, job_id = j.job, started_at = COALESCE(started_at, :now) FROM"
    " (SELECT DISTINCT ON (v->>0) v->>0 AS run, (v->>1)::bigint AS job FROM json_array_elements(CAST(:jobs AS json)) v) j"
    " WHERE runs.id = j.run AND ready AND (state IN ('queued', 'waiting') OR (state = 'running' AND job_id = j.job))"
    + _RETURNING
)
_WAKE_WAITING = text("UPDATE runs SET state = 'queued' WHERE state = 'waiting' AND due_at <= :now")
_NEXT_DUE = text("SELECT min(due_at) FROM runs WHERE state = 'waiting'")


def due(connection: Connection, *, count: int, lowest_priority: int) -> list[LeasedRun | UnreadableRun]:
    """Take up to `count` due runs, live before backfill, in fair order; those that cannot be read come last."""
    rows = connection.execute(_DUE, {"now": to_micros(now()), "count": count, "most": lowest_priority}).mappings().all()
    loaded = load(connection, [dict(row) for row in rows])
    runs = [run for run in loaded if isinstance(run, LeasedRun)]
    return [
        *sorted(runs, key=lambda run: (run.priority, run.rank, run.id)),
        *(run for run in loaded if isinstance(run, UnreadableRun)),
    ]


def by_job(connection: Connection, jobs: Sequence[tuple[str, int]]) -> list[LeasedRun | UnreadableRun | None]:
    """Take the runs of jobs (run id, job id); None for those that need nothing any more. A processor of the grouped writer.

    A run that is being executed is taken from its worker only by the very job that gave it to that worker: the job comes
    again when the worker's heartbeats have stopped.
    """
    rows = (
        connection.execute(_BY_JOB, {"now": to_micros(now()), "jobs": dumps([list(job) for job in jobs])})
        .mappings()
        .all()
    )
    runs = {run.id: run for run in load(connection, [dict(row) for row in rows])}
    return [runs.pop(run_id, None) for run_id, _ in jobs]


def wake_waiting(connection: Connection) -> int | None:
    """Queue the waiting runs whose time has come; returns when the next one is due (microseconds)."""
    connection.execute(_WAKE_WAITING, {"now": to_micros(now())})
    following: int | None = connection.execute(_NEXT_DUE).scalar()
    return following


def clock_stepped_back(connection: Connection, by: timedelta) -> None:
    """Move the times of waiting runs back by as much as the clock was set back."""
    sql = text("UPDATE runs SET due_at = due_at - :by WHERE state = 'waiting'")
    connection.execute(sql, {"by": round(by.total_seconds() * 1_000_000)})


def take_over(connection: Connection) -> int:
    """Queue again the runs of a process that is gone; for the only process of an embedded store, at its start. Returns how many."""
    newest = connection.execute(text("SELECT created_at FROM runs ORDER BY id DESC LIMIT 1")).scalar()
    if newest is not None and from_micros(newest) - now() > CLOCK_STEP:
        clock_stepped_back(connection, from_micros(newest) - now())
    return connection.execute(text("UPDATE runs SET state = 'queued' WHERE state = 'running'")).rowcount


def load(connection: Connection, rows: list[dict[str, JSONValue]]) -> list[LeasedRun | UnreadableRun]:
    """Add the events and the earlier steps to rows of leased runs. A row that cannot be read becomes an UnreadableRun."""
    damaged = {row["id"]: damage for row in rows if (damage := _damage(row))}
    sound = [row for row in rows if row["id"] not in damaged]
    events, steps = _events_of(connection, sound), _steps_of(connection, sound)
    loaded: list[LeasedRun | UnreadableRun] = []
    for row in rows:
        reason = damaged.get(row["id"], "")
        if not reason:
            try:
                loaded.append(_leased_run(row, events.get(row["event_id"]), steps.get(row["id"], [])))
                continue
            except _Damaged as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - whatever is stored, the runs beside it go on
                _log.exception("a run cannot be read", run=row["id"])
                reason = f"{type(error).__name__} while it was read."
        _log.warning("a run is set aside", run=row["id"], reason=reason)
        loaded.append(UnreadableRun(id=row["id"], lease=row["lease"], reason=reason))
    return loaded


class _Damaged(Exception):
    """Data of a run is missing or cannot be read; the message is a sentence."""


def _damage(row: dict[str, JSONValue]) -> str:
    """What is wrong with the row of a leased run, or nothing: a database file holds whatever was written into it."""
    for name in _TEXTS:
        if not isinstance(row[name], str):
            return f"Its column {name} holds no text."
    for name in _NUMBERS:
        if not isinstance(row[name], int):
            return f"Its column {name} holds no whole number."
    return ""


def _events_of(connection: Connection, rows: Sequence[dict[str, JSONValue]]) -> dict[str, JSONValue]:
    if not rows:
        return {}
    events = connection.execute(
        _statement(
            "SELECT id, app, type, occurred_at, payload FROM events WHERE id IN " + bulk.each(connection.dialect.name)
        ),
        {"keys": dumps([row["event_id"] for row in rows])},
    )
    return {event.id: event for event in events}


def _steps_of(connection: Connection, rows: Sequence[dict[str, JSONValue]]) -> dict[str, list[JSONValue]]:
    old = [row["id"] for row in rows if row["lease"] > 1 or row["position"] > 0]
    earlier: dict[str, list[JSONValue]] = {}
    if old:
        steps = connection.execute(
            _statement(
                "SELECT run_id, position, step_id, state, outcome, output, tries, started_at FROM step_runs WHERE run_id IN "
                + bulk.each(connection.dialect.name)
            ),
            {"keys": dumps(old)},
        )
        for step in steps:
            earlier.setdefault(step.run_id, []).append(step)
    return earlier


def _leased_run(row: dict[str, JSONValue], event: JSONValue, steps: Sequence[JSONValue]) -> LeasedRun:
    if event is None:
        raise _Damaged("Its event is not there any more.")
    return LeasedRun(
        **{
            **row,
            "first_failed_at": from_micros(row["first_failed_at"]) if row["first_failed_at"] else None,
            "started_at": from_micros(row["started_at"]),
            "due_at": from_micros(row["due_at"]),
            "cancel": bool(row["cancel"]),
        },
        event_app=event.app,
        event_type=event.type,
        occurred_at=from_micros(event.occurred_at),
        payload=_payload(event.payload),
        earlier={step.position: _earlier(step) for step in steps},
    )


def _payload(text: JSONValue) -> JSONObject:
    try:
        payload = stored(text)
    except InvalidJSON as error:
        raise _Damaged(f"The payload of its event cannot be read: {error}.") from error
    if not isinstance(payload, dict):
        raise _Damaged("The payload of its event is no JSON object.")
    return payload


def _earlier(step: JSONValue) -> EarlierStep:
    try:
        output = stored(step.output) if step.output else None
    except InvalidJSON as error:
        raise _Damaged(f"What its step {step.step_id} handed out cannot be read: {error}.") from error
    return EarlierStep(
        step_id=step.step_id,
        state=step.state,
        outcome=step.outcome,
        output=output,
        tries=step.tries,
        started_at=from_micros(step.started_at),
    )


_statements: dict[str, TextClause] = {}


def _statement(sql: str) -> TextClause:
    return _statements.setdefault(sql, text(sql))
