"""Runs, steps, attempts and effects as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.event import Priority
from affluent.kit.jsons import JSONValue
from affluent.kit.money import Money, is_currency
from affluent.services.errors import NotFound
from affluent.store import flows
from affluent.store import runs as store
from affluent.store.schema.types import readable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as it is listed."""

    id: str
    state: str
    title: str
    sentence: str
    cause: str
    flow_id: str
    flow_name: str
    flow_version: int
    flow_connection_id: str
    flow_connection_name: str
    event_id: str
    event_app: str
    event_type: str
    account_id: str
    money: Money | None
    position: int
    tries: int
    is_backfill: bool
    replay_of: str | None
    waits_for: str
    due_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    forgotten_at: datetime | None = None
    """When retention took what its steps read, sent and got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try of one step."""

    number: int
    started_at: datetime
    milliseconds: int
    outcome: str
    status: int | None
    sentence: str
    exchanges: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a run that has been reached."""

    position: int
    step_id: str
    app: str
    action: str
    connection_id: str | None
    state: str
    outcome: str
    sentence: str
    condition: JSONValue
    input: JSONValue
    output: JSONValue
    effect: str
    effect_key: str
    tries: int
    started_at: datetime
    finished_at: datetime | None
    attempts: tuple[AttemptView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectView:
    """One intended write and its fate."""

    key: str
    app: str
    action: str
    connection_id: str
    kind: str
    fate: str
    run_id: str
    position: int
    money: Money | None
    output: JSONValue
    sentence: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """A run with all that is known of it."""

    run: RunView
    occurred_at: datetime
    received_at: datetime
    external_id: str
    payload: JSONValue
    definition: JSONValue
    steps: tuple[StepView, ...]
    effects: tuple[EffectView, ...]
    siblings: tuple[RunView, ...]
    """Other runs of the same event."""
    payload_forgotten_at: datetime | None = None
    """When retention took the payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Runs that need attention for one reason."""

    state: str
    cause: str
    sentence: str
    flow_id: str
    flow_name: str
    connection_id: str
    count: int
    last_run_id: str


def money(row: Row[Any]) -> Money | None:
    """The net amount of a row, when it has one that can be shown."""
    if not isinstance(row.amount_minor, int) or not is_currency(row.currency):
        return None
    return Money(row.amount_minor, row.currency)


def view(row: Row[Any]) -> RunView:
    """A run as it is listed."""
    waits = row.state in ("waiting", "queued")
    return RunView(
        id=row.id,
        state=row.state,
        title=row.title,
        sentence=row.sentence,
        cause=row.cause,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        flow_version=row.flow_version,
        flow_connection_id=row.flow_connection_id,
        flow_connection_name=row.flow_connection_name or "(removed)",
        event_id=row.event_id,
        event_app=row.event_app,
        event_type=row.event_type,
        account_id=row.account_id,
        money=money(row),
        position=row.position,
        tries=row.tries,
        is_backfill=row.priority >= Priority.BACKFILL,
        replay_of=row.replay_of,
        waits_for=row.waits_for,
        due_at=row.due_at if waits else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        forgotten_at=row.forgotten_at,
    )


def detail(connection: Connection, run_id: str) -> RunDetail:
    """A run with all that is known of it; raises NotFound."""
    row = store.one(connection, run_id)
    if row is None:
        raise NotFound(f"There is no run {run_id}.")
    event = store.event_of(connection, row.event_id)
    definition = flows.definition_of(connection, row.flow_id, row.flow_version)
    tries: dict[int, list[AttemptView]] = {}
    for attempt in store.attempts_of(connection, run_id):
        tries.setdefault(attempt.position, []).append(_attempt(attempt))
    effects = store.effects_of(connection, row.event_id)
    written = {effect.position: effect for effect in effects if effect.run_id == run_id}
    return RunDetail(
        run=view(row),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        external_id=event.external_id,
        payload=readable(event.payload),
        definition=definition,
        steps=tuple(
            _step(step, tuple(tries.get(step.position, ())), written.get(step.position) if row.forgotten_at else None)
            for step in store.steps_of(connection, run_id)
        ),
        effects=tuple(_effect(effect) for effect in effects),
        siblings=tuple(view(other) for other in store.runs_of_event(connection, row.event_id) if other.id != run_id),
        payload_forgotten_at=event.forgotten_at,
    )


def _attempt(row: Row[Any]) -> AttemptView:
    names = ("number", "started_at", "milliseconds", "outcome", "status", "sentence", "exchanges")
    return AttemptView(**{name: getattr(row, name) for name in names})


def _step(row: Row[Any], attempts: tuple[AttemptView, ...], effect: Row[Any] | None) -> StepView:
    """A step; of one whose values were taken, what its effect still knows."""
    values = {name: value for name, value in row._mapping.items() if name != "run_id"}  # noqa: SLF001 - SQLAlchemy's public name
    if effect is not None:
        values |= {"input": effect.input, "output": effect.output}
    return StepView(**values, attempts=attempts)


def _effect(row: Row[Any]) -> EffectView:
    names = (
        "key",
        "app",
        "action",
        "connection_id",
        "kind",
        "fate",
        "run_id",
        "position",
        "output",
        "sentence",
        "updated_at",
    )
    return EffectView(**{name: getattr(row, name) for name in names}, money=money(row))
