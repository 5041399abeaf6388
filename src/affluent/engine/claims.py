"""Taking runs: the lease, and everything the executor needs to know, read in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, TextClause, text

from affluent.kit.clock import from_micros, now, to_micros
from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads
from affluent.store import bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStep:
    """What an earlier try of this run, or an earlier position, left behind."""

    step_id: str
    state: str
    outcome: str
    output: JSONValue
    tries: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that is ours to execute until its lease is taken by someone else."""

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


def due(connection: Connection, *, count: int, lowest_priority: int) -> list[Claimed]:
    """Take up to `count` due runs, live before backfill, in fair order."""
    rows = connection.execute(_DUE, {"now": to_micros(now()), "count": count, "most": lowest_priority}).mappings().all()
    return load(
        connection, sorted((dict(row) for row in rows), key=lambda row: (row["priority"], row["rank"], row["id"]))
    )


def by_job(connection: Connection, jobs: Sequence[tuple[str, int]]) -> list[Claimed | None]:
    """Take the runs of jobs (run id, job id); None for those that need nothing any more. A processor of the grouped writer.

    A run that is being executed is taken from its worker only by the very job that gave it to that worker: the job comes
    again when the worker's heartbeats have stopped.
    """
    rows = (
        connection.execute(_BY_JOB, {"now": to_micros(now()), "jobs": dumps([list(job) for job in jobs])})
        .mappings()
        .all()
    )
    claimed = {run.id: run for run in load(connection, [dict(row) for row in rows])}
    return [claimed.pop(run_id, None) for run_id, _ in jobs]


def wake_waiting(connection: Connection) -> int | None:
    """Queue the waiting runs whose time has come; returns when the next one is due (microseconds)."""
    connection.execute(_WAKE_WAITING, {"now": to_micros(now())})
    following: int | None = connection.execute(_NEXT_DUE).scalar()
    return following


def clock_stepped_back(connection: Connection, by: timedelta) -> None:
    """Bring the times of waiting runs back with the clock: they are told by the clock as it was."""
    sql = text("UPDATE runs SET due_at = due_at - :by WHERE state = 'waiting'")
    connection.execute(sql, {"by": round(by.total_seconds() * 1_000_000)})


def take_over(connection: Connection) -> int:
    """Queue again what a process that is gone had claimed; for the only process of an embedded store, at its start."""
    newest = connection.execute(text("SELECT created_at FROM runs ORDER BY id DESC LIMIT 1")).scalar()
    if newest is not None and from_micros(newest) - now() > CLOCK_STEP:
        clock_stepped_back(connection, from_micros(newest) - now())
    return connection.execute(text("UPDATE runs SET state = 'queued' WHERE state = 'running'")).rowcount


def load(connection: Connection, rows: list[dict[str, JSONValue]]) -> list[Claimed]:
    """Add the events and the earlier steps to claimed rows."""
    if not rows:
        return []
    each = bulk.each(connection.dialect.name)
    events = connection.execute(
        _statement(f"SELECT id, app, type, occurred_at, payload FROM events WHERE id IN {each}"),
        {"keys": dumps([row["event_id"] for row in rows])},
    )
    facts = {event.id: event for event in events}
    old = [row["id"] for row in rows if row["lease"] > 1 or row["position"] > 0]
    earlier: dict[str, dict[int, EarlierStep]] = {}
    if old:
        steps = connection.execute(
            _statement(
                f"SELECT run_id, position, step_id, state, outcome, output, tries, started_at FROM step_runs WHERE run_id IN {each}"
            ),
            {"keys": dumps(old)},
        )
        for step in steps:
            earlier.setdefault(step.run_id, {})[step.position] = EarlierStep(
                step_id=step.step_id,
                state=step.state,
                outcome=step.outcome,
                output=loads(step.output) if step.output else None,
                tries=step.tries,
                started_at=from_micros(step.started_at),
            )
    return [_claimed(row, facts[row["event_id"]], earlier.get(row["id"], {})) for row in rows]


def _claimed(row: dict[str, JSONValue], event: JSONValue, earlier: dict[int, EarlierStep]) -> Claimed:
    return Claimed(
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
        payload=loads(event.payload),
        earlier=earlier,
    )


_statements: dict[str, TextClause] = {}


def _statement(sql: str) -> TextClause:
    return _statements.setdefault(sql, text(sql))
