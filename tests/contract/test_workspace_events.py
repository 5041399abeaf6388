"""The workspace emits what the Togai app declares: the same events, the same payloads, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from affluent.apps.togai.app import app
from affluent.billing.payloads import EVENTS
from affluent.kit.jsons import dumps, loads
from affluent.sdk import Trigger, TriggerKind

TRIGGERS = [trigger for trigger in app.triggers.values() if trigger.kind is TriggerKind.INTERNAL and not trigger.of]
every_trigger = pytest.mark.parametrize("trigger", TRIGGERS, ids=[trigger.key for trigger in TRIGGERS])


def test_every_event_of_the_workspace_has_a_trigger() -> None:
    assert {trigger.event for trigger in TRIGGERS} == set(EVENTS)


@every_trigger
def test_a_sample_is_a_payload_that_the_workspace_could_have_emitted(trigger: Trigger) -> None:
    payload = EVENTS[trigger.event].model_validate_json(dumps(app.sample(trigger.sample)))
    assert loads(payload.model_dump_json(by_alias=True)) == app.sample(trigger.sample)


@every_trigger
def test_a_trigger_declares_every_field_that_the_workspace_sends(trigger: Trigger) -> None:
    assert trigger.output is not None
    assert names(trigger.output) == names(EVENTS[trigger.event])


def names(model: type[BaseModel]) -> dict[str, Any]:
    """Names of fields in the data, with those of the models inside."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        hint = info.annotation
        inner = [part for part in (hint, *getattr(hint, "__args__", ())) if isinstance(part, type)]
        models = [part for part in inner if issubclass(part, BaseModel)]
        found[info.alias or name] = names(models[0]) if models else {}
    return found
