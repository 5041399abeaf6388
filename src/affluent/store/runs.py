"""Runs as they are listed, shown, resumed, replayed and cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    TextClause,
    and_,
    case,
    func,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.store import bulk, run_texts, tables
from affluent.store.run_texts import Found

R, E, F, L = tables.runs, tables.events, tables.flows, tables.flow_connections
_ATTENTION = ("failed", "unknown", "paused", "waiting")
# Spelled out, as the partial index spells it: SQLite does not look into bound values when it chooses an index.
_NEEDS_ATTENTION = text("runs.state IN ('failed', 'unknown', 'paused', 'waiting')")
_ON_THE_WAY = ("queued", "running")
_USUAL = (*_ON_THE_WAY, "succeeded")
_IS_UNUSUAL = text("runs.state NOT IN ('queued', 'running', 'succeeded')")
_IS_UNFINISHED = text("runs.finished_at IS NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs; empty fields match all."""

    flow_id: str = ""
    flow_connection_id: str = ""
    connection_id: str = ""
    states: tuple[str, ...] = ()
    account_id: str = ""
    event_id: str = ""
    cause: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()


def _listed() -> Select[Any]:
    return (
        select(
            R,
            F.c.name.label("flow_name"),
            L.c.name.label("flow_connection_name"),
            E.c.type.label("event_type"),
            E.c.app.label("event_app"),
        )
        .join_from(R, F, R.c.flow_id == F.c.id)
        .join(E, R.c.event_id == E.c.id)
        .outerjoin(L, R.c.flow_connection_id == L.c.id)
    )


def find(
    connection: Connection, filters: RunFilter, *, limit: int, before: str = "", after: str = ""
) -> Sequence[Row[Any]]:
    """Runs, newest first; those older than the run `before`, or newer than the run `after` (then oldest first)."""
    order = R.c.id if after else R.c.id.desc()
    # First which, by an index alone; then what is shown of them: what is sorted stays small.
    which = narrow(connection, select(R.c.id), filters).limit(limit)
    if after:
        which = which.where(R.c.id > after)
    elif before:
        which = which.where(R.c.id < before)
    column = _sorted(filters)
    which = which.order_by(column if after else column.desc())
    return connection.execute(_listed().where(R.c.id.in_(which)).order_by(order)).all()


def look(
    connection: Connection, filters: RunFilter, *, limit: int, cursor: str = ""
) -> tuple[Sequence[Row[Any]], Found]:
    """One look for the filter's text: at most `limit` runs, newest first, and where the next look goes on."""
    matching = select(R.c.id).where(*_conditions(filters))
    hits = run_texts.look(connection, filters.text, matching, [_sorted(filters).desc()], limit=limit, cursor=cursor)
    return connection.execute(_listed().where(R.c.id.in_(hits.ids)).order_by(R.c.id.desc())).all(), hits


def _sorted(filters: RunFilter) -> ColumnElement[str]:
    """What runs of this filter are sorted by: the id."""
    if filters.states and set(filters.states) <= set(_ON_THE_WAY):
        # Few are unfinished among many: an order that no index has keeps SQLite from walking through them all.
        return func.coalesce(R.c.id, "")
    return cast("ColumnElement[str]", R.c.id)


def narrow(connection: Connection, query: Select[Any], filters: RunFilter) -> Select[Any]:
    """The query with the filter's conditions, the text among them: it reads every run that matches the others."""
    conditions = _conditions(filters)
    if filters.text:
        conditions.append(or_(run_texts.words(filters.text), *run_texts.led_to(connection, filters.text)))
    return query.where(and_(*conditions)) if conditions else query


def _conditions(filters: RunFilter) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = []
    for column, value in (
        (R.c.flow_id, filters.flow_id),
        (R.c.flow_connection_id, filters.flow_connection_id),
        (R.c.account_id, filters.account_id),
        (R.c.event_id, filters.event_id),
        (R.c.cause, filters.cause),
    ):
        if value:
            conditions.append(column == value)
    if filters.states:
        conditions.append(R.c.state.in_(filters.states))
        if not set(filters.states) & set(_USUAL):
            conditions.append(_IS_UNUSUAL)
        if set(filters.states) <= set(_ATTENTION):
            conditions.append(_NEEDS_ATTENTION)
        if set(filters.states) <= set(_ON_THE_WAY):
            conditions.append(_IS_UNFINISHED)
    if filters.ids:
        conditions.append(R.c.id.in_(filters.ids))
    if filters.since:
        conditions.append(R.c.created_at >= filters.since)
    if filters.until:
        conditions.append(R.c.created_at < filters.until)
    if filters.connection_id:
        links = select(L.c.id).where(type_coerce(L.c.bindings, Text).like(f'%"{_plain(filters.connection_id)}"%'))
        conditions.append(R.c.flow_connection_id.in_(links))
    return conditions


def one(connection: Connection, run_id: str) -> Row[Any] | None:
    """A run with its flow, flow connection and event type."""
    return connection.execute(_listed().where(R.c.id == run_id)).one_or_none()


def event_of(connection: Connection, event_id: str, *, lock: bool = False) -> Row[Any]:
    """The event of a run; locked, retention leaves it alone until the transaction ends."""
    query = select(E).where(E.c.id == event_id)
    return connection.execute(query.with_for_update() if lock else query).one()


def steps_of(connection: Connection, run_id: str) -> Sequence[Row[Any]]:
    """The steps of a run, in order."""
    table = tables.step_runs
    return connection.execute(select(table).where(table.c.run_id == run_id).order_by(table.c.position)).all()


def attempts_of(connection: Connection, run_id: str) -> Sequence[Row[Any]]:
    """The attempts of a run, in order."""
    table = tables.attempts
    query = select(table).where(table.c.run_id == run_id).order_by(table.c.position, table.c.number)
    return connection.execute(query).all()


def effects_of(connection: Connection, event_id: str) -> Sequence[Row[Any]]:
    """The effects that an event has led to, in whatever run."""
    runs = select(R.c.id).where(R.c.event_id == event_id)
    table = tables.effects
    return connection.execute(select(table).where(table.c.run_id.in_(runs)).order_by(table.c.created_at)).all()


def runs_of_event(connection: Connection, event_id: str) -> Sequence[Row[Any]]:
    """All runs of an event, oldest first."""
    return connection.execute(_listed().where(R.c.event_id == event_id).order_by(R.c.id)).all()


def counts_by_state(connection: Connection, since: datetime | None = None) -> dict[str, int]:
    """How many runs stand where: unfinished and failed ones of all time, ended ones since a moment."""
    counts = {
        row[0]: row[1]
        for row in connection.execute(select(R.c.state, func.count()).where(_NEEDS_ATTENTION).group_by(R.c.state))
    }
    if since is not None:
        ended = (
            select(R.c.state, func.count())
            .where(R.c.created_at >= since, R.c.state.not_in(_ATTENTION))
            .group_by(R.c.state)
        )
        counts |= {row[0]: row[1] for row in connection.execute(ended)}
    return counts


def failures_by_cause(connection: Connection, limit: int = 20) -> Sequence[Row[Any]]:
    """Failed, unknown and paused runs grouped by flow, step sentence and cause, largest first."""
    shown = case((R.c.state == "paused", R.c.waits_for), else_="")
    query = (
        select(
            R.c.state,
            R.c.cause,
            R.c.flow_id,
            F.c.name.label("flow_name"),
            shown.label("connection_id"),
            func.min(R.c.sentence).label("sentence"),
            func.count().label("number"),
            func.max(R.c.id).label("last_id"),
        )
        .join_from(R, F, R.c.flow_id == F.c.id)
        .where(_NEEDS_ATTENTION)
        .group_by(R.c.state, R.c.cause, R.c.flow_id, F.c.name, shown)
        .order_by(func.count().desc())
        .limit(limit)
    )
    return connection.execute(query).all()


def _plain(text: str) -> str:
    return text.replace("%", "").replace("_", r"_")


class NewestRun(NamedTuple):
    """The newest run of an account."""

    id: str
    state: str
    created_at: datetime


class StepOutcome(NamedTuple):
    """How a step of a run ended."""

    event_id: str
    flow_connection_id: str
    step_id: str
    outcome: str


class FailedCause(NamedTuple):
    """Runs that failed for one cause, with the sentence of one of them."""

    cause: str
    number: int
    sentence: str


def newest_of_account(connection: Connection, account_id: str) -> NewestRun | None:
    """The newest run of an account; None when there is none."""
    query = select(R.c.id, R.c.state, R.c.created_at).where(R.c.account_id == account_id)
    row = connection.execute(query.order_by(R.c.id.desc()).limit(1)).one_or_none()
    return NewestRun(*row) if row is not None else None


def matching(connection: Connection, which: RunFilter, *, limit: int) -> Sequence[Row[Any]]:
    """The runs of a filter, oldest first, without their flow and event."""
    return connection.execute(narrow(connection, select(R), which).order_by(R.c.id).limit(limit)).all()


def ids_of(connection: Connection, which: RunFilter, states: Sequence[str], *, limit: int) -> list[str]:
    """Ids of the runs of a filter that are in one of these states, oldest first."""
    query = narrow(connection, select(R.c.id), which).where(R.c.state.in_(states)).order_by(R.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def locked(connection: Connection, run_id: str) -> Row[Any] | None:
    """A run, locked until the transaction ends."""
    return connection.execute(select(R).where(R.c.id == run_id).with_for_update()).one_or_none()


def ordering_keys(connection: Connection, run_ids: Sequence[str]) -> list[str]:
    """The ordering keys of runs, sorted, so that they are locked in the same order everywhere."""
    sql = text(f"SELECT DISTINCT ordering_key FROM runs WHERE id IN {bulk.each(connection.dialect.name)}")
    return sorted(connection.execute(sql, {"keys": dumps(list(run_ids))}).scalars())


def has_ready(connection: Connection, ordering_key: str) -> bool:
    """Whether an unfinished run of an ordering key is ready to be executed."""
    sql = text("SELECT 1 FROM runs WHERE ordering_key = :key AND finished_at IS NULL AND ready LIMIT 1")
    return connection.execute(sql, {"key": ordering_key}).first() is not None


def queue_again(connection: Connection, run_id: str, *, ready: bool) -> None:
    """Put a run back into the state queued, due now, as if it had not been tried."""
    connection.execute(
        update(R)
        .where(R.c.id == run_id)
        .values(
            state="queued",
            due_at=clock.now(),
            tries=0,
            first_failed_at=None,
            finished_at=None,
            cancel=False,
            cause="",
            waits_for="",
            ready=ready,
        )
    )


def ask_to_cancel(connection: Connection, run_id: str) -> None:
    """Let the worker that executes a run stop after the current step."""
    connection.execute(update(R).where(R.c.id == run_id).values(cancel=True))


def cancel(connection: Connection, run_id: str, sentence: str) -> None:
    """End a run that no worker executes, and void its lease."""
    values = {"state": "cancelled", "sentence": sentence, "finished_at": clock.now(), "waits_for": ""}
    connection.execute(update(R).where(R.c.id == run_id).values(**values, lease=R.c.lease + 1))


def ended(connection: Connection, run_ids: Sequence[str], *, but_app: str) -> Sequence[Row[Any]]:
    """Runs with their event type, flow, definition, flow connection and last step; without events of the app `but_app`."""
    versions, steps = tables.flow_versions, tables.step_runs
    query = (
        select(
            R,
            E.c.type.label("event_type"),
            F.c.name.label("flow"),
            versions.c.definition,
            L.c.name.label("flow_connection"),
            steps.c.app.label("step_app"),
            steps.c.action.label("step_action"),
        )
        .join_from(R, E, E.c.id == R.c.event_id)
        .join(F, F.c.id == R.c.flow_id)
        .join(versions, (versions.c.flow_id == R.c.flow_id) & (versions.c.number == R.c.flow_version))
        .outerjoin(L, L.c.id == R.c.flow_connection_id)
        .outerjoin(steps, (steps.c.run_id == R.c.id) & (steps.c.position == R.c.position))
        .where(R.c.id.in_(run_ids), E.c.app != but_app)
        .order_by(R.c.id)
    )
    return connection.execute(query).all()


def outcomes_of_events(connection: Connection, event_ids: Sequence[str]) -> list[StepOutcome]:
    """The steps of all runs of these events, older runs first."""
    sql = text(
        "SELECT r.event_id, r.flow_connection_id, s.step_id, s.outcome FROM runs r JOIN step_runs s ON s.run_id = r.id"
        f" WHERE r.event_id IN {bulk.each(connection.dialect.name)} ORDER BY r.id"
    )
    return [StepOutcome(*row) for row in connection.execute(sql, {"keys": dumps(list(event_ids))})]


def failed_since(connection: Connection, first_run_id: str, *, at_least: int) -> list[FailedCause]:
    """Causes for which at least so many runs failed, among those from this run id on."""
    query: Select[Any] = (
        select(R.c.cause, func.count(), func.min(R.c.sentence))
        .where(R.c.state == "failed", R.c.id >= first_run_id)
        .group_by(R.c.cause)
        .having(func.count() >= at_least)
    )
    return [FailedCause(*row) for row in connection.execute(query)]


def unfinished_by_state(connection: Connection) -> dict[str, int]:
    """How many unfinished runs each state has."""
    sql = text("SELECT state, count(*) FROM runs WHERE finished_at IS NULL GROUP BY state")
    return {row[0]: row[1] for row in connection.execute(sql)}


def oldest_queued(connection: Connection) -> datetime | None:
    """Since when the oldest run that is ready waits for a worker; None: no run does."""
    oldest = connection.execute(
        text("SELECT min(due_at) FROM runs WHERE finished_at IS NULL AND state = 'queued' AND ready")
    ).scalar()
    return clock.from_micros(oldest) if oldest else None


def oldest_due(connection: Connection) -> datetime | None:
    """Since when the oldest run is due, queued or waiting; None: no run is."""
    sql = text(
        "SELECT min(due_at) FROM runs WHERE finished_at IS NULL AND"
        " ((state = 'queued' AND ready) OR (state = 'waiting' AND due_at <= :now))"
    )
    oldest = connection.execute(sql, {"now": clock.to_micros(clock.now())}).scalar()
    return clock.from_micros(oldest) if oldest else None


def open_effects(connection: Connection) -> dict[str, int]:
    """How many effects are intended or unknown, by fate."""
    # Spelled out, as the partial index spells it.
    sql = text("SELECT fate, count(*) FROM effects WHERE fate IN ('intended', 'unknown') GROUP BY fate")
    return {row[0]: row[1] for row in connection.execute(sql)}
