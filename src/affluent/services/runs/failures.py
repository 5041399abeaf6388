"""Runs that ended failed or unknown become events that flows can listen to, in the transaction in which they ended.

Each run is told of once, however often it is resumed. Runs that such an event started are never told of: no flow wakes itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from affluent.domain.event import EventDraft
from affluent.engine.intake import Intake
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.services.runs.views import money as money_of
from affluent.store import tables

APP, EVENT = "runs", "run.failed"


class RunFailures:
    """Tells the flows that listen. `link` gives the address of a run's page."""

    def __init__(self, intake: Intake, link: Callable[[str], str]) -> None:
        self._intake = intake
        self._link = link

    def tell(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """Accept an event for every flow that listens, in the caller's transaction."""
        listeners = _listeners(connection)
        if not listeners:
            return
        drafts = [self._draft(row, listener) for row in _ended(connection, run_ids) for listener in listeners]
        if drafts:
            self._intake.accept(connection, drafts)

    def _draft(self, row: Row[Any], listener: str) -> EventDraft:
        money = money_of(row)
        return EventDraft(
            app=APP,
            source=listener,
            type=EVENT,
            external_id=row.id,
            occurred_at=clock.now(),
            payload=self._payload(row, money),
            title=" · ".join(part for part in (row.title, row.flow) if part),
            money=money,
            only_flow_connection=listener,
        )

    def _payload(self, row: Row[Any], money: Money | None) -> JSONObject:
        left = row.definition["steps"][row.position :]
        return {
            "run_id": row.id,
            "state": row.state,
            "flow_id": row.flow_id,
            "flow": row.flow,
            "flow_connection": row.flow_connection or "",
            "event_type": row.event_type,
            "title": row.title,
            "sentence": row.sentence,
            "cause": row.cause,
            "app": row.step_app or "",
            "action": row.step_action or "",
            "undone": [f"{step['app']}.{step['action']}" for step in left],
            "account_id": row.account_id,
            "amount": format(money.major, "f") if money else "",
            "currency": money.currency if money else "",
            "link": self._link(row.id),
        }


def _listeners(connection: Connection) -> Sequence[str]:
    links = tables.flow_connections
    query = select(links.c.id).where(links.c.enabled, links.c.trigger_app == APP, links.c.trigger_event == EVENT)
    return connection.execute(query.order_by(links.c.id)).scalars().all()


def _ended(connection: Connection, run_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The runs with what is told of them, without those that were told of something themselves."""
    runs, events, flows = tables.runs, tables.events, tables.flows
    versions, links, steps = tables.flow_versions, tables.flow_connections, tables.step_runs
    query = (
        select(
            runs,
            events.c.type.label("event_type"),
            flows.c.name.label("flow"),
            versions.c.definition,
            links.c.name.label("flow_connection"),
            steps.c.app.label("step_app"),
            steps.c.action.label("step_action"),
        )
        .join_from(runs, events, events.c.id == runs.c.event_id)
        .join(flows, flows.c.id == runs.c.flow_id)
        .join(versions, (versions.c.flow_id == runs.c.flow_id) & (versions.c.number == runs.c.flow_version))
        .outerjoin(links, links.c.id == runs.c.flow_connection_id)
        .outerjoin(steps, (steps.c.run_id == runs.c.id) & (steps.c.position == runs.c.position))
        .where(runs.c.id.in_(run_ids), events.c.app != APP)
        .order_by(runs.c.id)
    )
    return connection.execute(query).all()
