"""What a bulk action would do, before it is done: how many runs would send, how many are applied already, how much money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.run import Outcome
from affluent.kit.money import Money
from affluent.services.runs.views import money
from affluent.store import events, flows
from affluent.store import runs as store
from affluent.store.runs import RunFilter

LARGEST = 100_000
_DONE = tuple(outcome.value for outcome in (Outcome.APPLIED, Outcome.ALREADY_APPLIED, Outcome.READ))
_SAME_AGAIN = (Outcome.CONDITION_FALSE.value,)

Lane = tuple[str, str]
"""An event in a flow connection: its effects are applied once, whatever the number of its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a bulk action would do."""

    action: str
    runs: int
    would_send: int
    already_applied: int
    not_possible: int
    money: dict[str, str] = field(default_factory=dict)
    """Total net amount of the runs that would send, per currency, in major units."""


def forecast(
    connection: Connection, filter_: RunFilter, *, action: str, possible: Sequence[str], sends: bool, replays: bool
) -> Forecast:
    """The forecast of an action that is possible in some states. `replays`: on the flow's current version, from the top."""
    rows = store.matching(connection, filter_, limit=LARGEST)
    gone = events.forgotten(connection, [row.event_id for row in rows]) if sends else set()
    able = [
        row
        for row in rows
        if row.state in possible and row.event_id not in gone and (not sends or replays or row.forgotten_at is None)
    ]
    sending = _sending(connection, able, replays=replays) if sends else []
    return Forecast(
        action=action,
        runs=len(able),
        would_send=len(sending),
        already_applied=len(able) - len(sending) if sends else 0,
        not_possible=len(rows) - len(able),
        money=_totals(sending),
    )


def _sending(connection: Connection, rows: Sequence[Row[Any]], *, replays: bool) -> list[Row[Any]]:
    """The runs with a step that is not applied yet. Of several runs of one event in one flow connection only one sends."""
    steps = _steps_of_versions(connection, replays=replays)
    done = _done(connection, rows)
    sending: dict[Lane, Row[Any]] = {}
    for row in rows:
        lane = (row.event_id, row.flow_connection_id)
        outcomes = done.get(lane, {})
        number, planned = steps[(row.flow_id, 0 if replays else row.flow_version)]
        settled = _DONE + _SAME_AGAIN if number == row.flow_version else _DONE
        if any(outcomes.get(step_id) not in settled for step_id in planned[0 if replays else row.position :]):
            sending.setdefault(lane, row)
    return list(sending.values())


def _steps_of_versions(connection: Connection, *, replays: bool) -> dict[tuple[str, int], tuple[int, list[str]]]:
    """(flow, version) → version, step ids; the current version stands under 0 when it is replayed."""
    return {
        (flow_id, 0 if replays else number): (number, [step["id"] for step in definition["steps"]])
        for flow_id, number, definition in flows.all_versions(connection, only_current=replays)
    }


def _done(connection: Connection, rows: Sequence[Row[Any]]) -> dict[Lane, dict[str, str]]:
    """Lane → step id → how the step stands, over all runs of the lane; what was done once stays done."""
    done: dict[Lane, dict[str, str]] = {}
    for event_id, link_id, step_id, outcome in store.outcomes_of_events(connection, [row.event_id for row in rows]):
        outcomes = done.setdefault((event_id, link_id), {})
        if outcomes.get(step_id) not in _DONE:
            outcomes[step_id] = outcome
    return done


def _totals(rows: Iterable[Row[Any]]) -> dict[str, str]:
    totals: dict[str, Money] = {}
    for row in rows:
        amount = money(row)
        if amount is not None:
            totals[row.currency] = totals[row.currency] + amount if row.currency in totals else amount
    return {currency: str(total.major) for currency, total in sorted(totals.items())}
