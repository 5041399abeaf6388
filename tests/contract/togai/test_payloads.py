"""The payloads that the workspace documents and the samples that the Togai app shows are of one shape."""

from __future__ import annotations

import pytest

from affluent.billing.payloads import EVENTS
from affluent.catalog import load
from affluent.sdk import Trigger

APP = load().get("togai")
TRIGGERS: dict[str, Trigger] = {trigger.event: trigger for trigger in APP.triggers.values()}


def test_every_event_of_the_workspace_is_a_trigger_of_the_app():
    assert EVENTS.keys() <= TRIGGERS.keys()


@pytest.mark.parametrize("event", EVENTS)
def test_the_sample_of_a_trigger_is_a_payload_of_the_workspace(event):
    sample = APP.sample(TRIGGERS[event].sample)
    EVENTS[event].model_validate(sample, strict=True)


@pytest.mark.parametrize("event", EVENTS)
def test_every_field_of_a_payload_has_a_title(event):
    schema = EVENTS[event].model_json_schema()
    parts = [part for name, part in schema["$defs"].items() if name.endswith("Part")]
    assert parts
    assert [name for part in parts for name, field in part["properties"].items() if "title" not in field] == []
