"""Trigger now: what it needs of a payload, and the event that stands for a backfill."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row

from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject
from affluent.sdk import Trigger
from affluent.services.connections.event_source import TRIGGER
from affluent.services.errors import Invalid
from affluent.services.inbound.polls import begin_backfill
from affluent.services.validation import problems_of


def backfill_event(connection: Connection, row: Row[Any], trigger: Trigger) -> EventDraft:
    """Begin a backfill; the event says that it was asked for and starts no run itself."""
    connection_id = row.bindings.get(TRIGGER, "")
    begin_backfill(connection, row.id, connection_id, f"{row.trigger_app}.{trigger.key}@{connection_id}")
    return EventDraft(
        app=row.trigger_app,
        source=row.id,
        type="backfill.requested",
        external_id=new_id("now"),
        occurred_at=clock.now(),
        payload={},
        title=f"Backfill of {row.name}",
    )


def check_payload(trigger: Trigger, payload: JSONObject) -> None:
    """Raise Invalid naming every field of a payload that the trigger's output does not allow."""
    if trigger.output is None:
        return
    try:
        trigger.output.model_validate(payload)
    except ValidationError as error:
        problems = problems_of(error, "payload")
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems) from error
