"""Runs that ended failed or unknown become events that flows can listen to, in the transaction in which they ended.

Each run makes one such event, however often it is resumed. Runs that such an event started make none, so that no flow starts
itself again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.event import EventDraft
from affluent.engine.intake import Intake
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.services.runs.views import money as money_of
from affluent.store import flow_connections, runs

APP, EVENT = "runs", "run.failed"


class RunFailures:
    """Makes the events. `link` gives the address of a run's page."""

    def __init__(self, intake: Intake, link: Callable[[str], str]) -> None:
        self._intake = intake
        self._link = link

    def tell(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """Accept an event for every flow that listens, in the caller's transaction."""
        listeners = flow_connections.listening(connection, APP, EVENT)
        if not listeners:
            return
        rows = runs.ended(connection, run_ids, but_app=APP)
        drafts = [self._draft(row, listener) for row in rows for listener in listeners]
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
