"""Samples of apps as data for preview and checks: what a trigger hands out, what an action answers."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from affluent.catalog import Catalog
from affluent.domain.flow import FlowDefinition, Step
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue
from affluent.sdk import Action, App, Effect


def trigger_payload(catalog: Catalog, app_key: str, trigger_key: str) -> JSONObject:
    """The sample payload of a trigger; empty when there is none."""
    app = catalog.apps.get(app_key)
    trigger = app.triggers.get(trigger_key) if app else None
    return _sample(app, trigger.sample) if app and trigger else {}


def action_input(app: App, action: Action) -> JSONObject:
    """The sample input of an action; empty when there is none."""
    value = _sample(app, action.sample).get("input")
    return value if isinstance(value, dict) else {}


def action_output(app: App, action: Action) -> JSONObject:
    """The assumed answer of an action: its sample's output, as the engine would keep it."""
    value = _sample(app, action.sample).get("output")
    return as_kept(action.output, value if isinstance(value, dict) else {})


def as_kept(model: type[BaseModel] | None, value: JSONObject) -> JSONObject:
    """An output in the form in which later steps see it."""
    if model is None:
        return {}
    try:
        kept: JSONObject = model.model_validate(value).model_dump(mode="json")
    except ValidationError:
        return value
    return kept


def outcome_of(action: Action) -> str:
    """The outcome of a step that goes well."""
    return "read" if action.effect is Effect.READ else "applied"


def flow_inputs(definition: FlowDefinition, given: JSONObject | None = None) -> JSONObject:
    """The inputs of a flow: what was given over the defaults."""
    defaults = {item.key: item.default for item in definition.inputs}
    return {**defaults, **{key: value for key, value in (given or {}).items() if value not in (None, "")}}


def found(catalog: Catalog, step: Step) -> tuple[App | None, Action | None]:
    """The app and the action of a step, as far as they are installed."""
    app = catalog.apps.get(step.app)
    return app, app.actions.get(step.action) if app else None


def _sample(app: App, name: str) -> JSONObject:
    if not name:
        return {}
    try:
        value: JSONValue = app.sample(name)
    except (OSError, InvalidJSON):
        return {}
    return value if isinstance(value, dict) else {}
