"""Drafts of flows changed part by part: what a form says goes into the draft, valid or not."""

from __future__ import annotations

import copy
import re
from typing import Any

from affluent.catalog import Catalog
from affluent.domain.flow import FlowType, Step, TriggerUse
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, dumps, loads
from affluent.sdk import Action, App
from affluent.web.flows.editor import questions
from affluent.web.forms import Form

FLOW, TRIGGER, ADD = "flow", "trigger", "add"
_LONGEST_ID = 36
_STEP_TEXTS = ("title", "condition", "skip_reason")
_FOLLOWS = {"on_not_applicable": ("stop", "continue"), "on_condition_false": ("continue", "stop")}
_LITERALS = ("integer", "number", "boolean", "array", "object")


def steps_of(draft: JSONObject) -> list[dict[str, Any]]:
    """The steps that are at least objects with an id."""
    steps = draft.get("steps")
    return [step for step in steps if isinstance(step, dict) and step.get("id")] if isinstance(steps, list) else []


def step_of(draft: JSONObject, step_id: str) -> dict[str, Any] | None:
    """The step with this id; None when there is none."""
    return next((step for step in steps_of(draft) if step["id"] == step_id), None)


def trigger_of(draft: JSONObject) -> dict[str, Any]:
    """The trigger as far as there is one."""
    use = draft.get("trigger")
    return use if isinstance(use, dict) else {}


def readable(draft: JSONObject) -> JSONObject:
    """The draft with what keeps it from being played repaired or left out, so that the rest can be previewed."""
    use = {name: value for name, value in trigger_of(draft).items() if name in TriggerUse.model_fields}
    app = str(use.get("app", ""))
    steps = [_known(step) for step in steps_of(draft)]
    return {
        "name": f"{draft.get('name') or ''}".strip()[:120].ljust(3, "."),
        "type": FlowType.OUTBOUND.value if app == "togai" else FlowType.INBOUND.value,
        "trigger": {"app": app, "trigger": "", **use},
        "inputs": draft.get("inputs") or [],
        "steps": [{**step, "inputs": filled(step.get("inputs"))} for step in steps],
    }


def cleaned(draft: JSONObject) -> JSONObject:
    """The draft without fields that were left empty, as it is published."""
    changed = copy.deepcopy(draft)
    for step in steps_of(changed):
        step["inputs"] = filled(step.get("inputs"))
    use = trigger_of(changed)
    if isinstance(use.get("options"), dict):
        use["options"] = filled(use["options"])
    return changed


def filled(values: JSONValue) -> JSONObject:
    """The fields that are not empty; of anything but an object, none."""
    return (
        {name: value for name, value in values.items() if value not in (None, "")} if isinstance(values, dict) else {}
    )


def new_step(draft: JSONObject, app: App, action: Action, at: int) -> tuple[JSONObject, str]:
    """The draft with another step at a place, and its id. A field of another step's same name is not guessed."""
    changed = copy.deepcopy(draft)
    steps = steps_of(changed)
    base = re.sub(r"[^a-z0-9_]", "_", action.key.lower()).strip("_")[:_LONGEST_ID] or "step"
    taken = {step["id"] for step in steps}
    step_id = next(name for name in (base, *(f"{base}_{n}" for n in range(2, 99))) if name not in taken)
    steps.insert(max(0, min(at, len(steps))), {"id": step_id, "app": app.key, "action": action.key, "inputs": {}})
    changed["steps"] = steps
    return changed, step_id


def moved(draft: JSONObject, step_id: str, by: int) -> JSONObject:
    """The draft with a step further up or down."""
    at = next((index for index, step in enumerate(steps_of(draft)) if step["id"] == step_id), 0)
    return placed(draft, step_id, max(at + by, 0))


def placed(draft: JSONObject, step_id: str, to: int) -> JSONObject:
    """The draft with a step at a place among the others; behind them when there is no such place."""
    changed = copy.deepcopy(draft)
    steps = steps_of(changed)
    at = next((index for index, step in enumerate(steps) if step["id"] == step_id), None)
    if at is not None:
        steps.insert(to, steps.pop(at))
    changed["steps"] = steps
    return changed


def without(draft: JSONObject, step_id: str) -> JSONObject:
    """The draft without a step."""
    return {**draft, "steps": [step for step in steps_of(draft) if step["id"] != step_id]}


def with_form(draft: JSONObject, part: str, form: Form, catalog: Catalog) -> JSONObject:
    """The draft as the form of one part says. What the form does not name stays."""
    changed = copy.deepcopy(draft)
    if part == FLOW:
        for name in ("name", "description", "type"):
            changed[name] = form.text(name, str(changed.get(name) or ""))
        changed["inputs"] = questions.from_form(changed, form)
    elif part == TRIGGER:
        _with_trigger(changed, form, catalog)
    else:
        step = step_of(changed, part)
        if step is not None:
            _with_step(step, form, catalog)
    return changed


def shown_value(value: JSONValue) -> str:
    """A field's value as it is edited."""
    return value if isinstance(value, str) else "" if value is None else dumps(value)


def _with_trigger(draft: JSONObject, form: Form, catalog: Catalog) -> None:
    use = dict(trigger_of(draft))
    app_key, _, key = form.text("trigger").partition(".")
    if key and (app_key, key) != (use.get("app"), use.get("trigger")):
        use = {"app": app_key, "trigger": key, "condition": use.get("condition", "")}
        draft["type"] = FlowType.OUTBOUND.value if app_key == "togai" else FlowType.INBOUND.value
    else:
        app = catalog.apps.get(str(use.get("app")))
        trigger = app.triggers.get(str(use.get("trigger"))) if app else None
        schema = trigger.options.model_json_schema() if trigger and trigger.options else {}
        options = dict(use.get("options") or {})
        for name, text in form.under("options").items():
            options[name] = _typed(text, options.get(name), schema, name)
        use["options"] = filled(options)
    for name in ("condition", "skip_reason"):
        use[name] = form.text(name, str(use.get(name) or "")).strip()
    draft["trigger"] = use


def _with_step(step: dict[str, Any], form: Form, catalog: Catalog) -> None:
    app_key, _, key = form.text("action").partition(".")
    if key and (app_key, key) != (step.get("app"), step.get("action")):
        step |= {"app": app_key, "action": key}
    app = catalog.apps.get(str(step.get("app")))
    action = app.actions.get(str(step.get("action"))) if app else None
    step["inputs"] = _inputs(step.get("inputs") or {}, form, action)
    for name in _STEP_TEXTS:
        step[name] = form.text(name, str(step.get(name) or "")).strip()
    for name, allowed in _FOLLOWS.items():
        step[name] = form.text(name) if form.text(name) in allowed else step.get(name, allowed[0])


def _inputs(before: JSONObject, form: Form, action: Action | None) -> JSONObject:
    """The inputs of a step as the form has them, without empty ones that the action does not know."""
    schema = action.input.model_json_schema() if action else {}
    inputs = dict(before)
    for name, text in form.under("inputs").items():
        inputs[name] = _typed(text, inputs.get(name), schema, name)
    if action is None:
        return inputs
    return {name: value for name, value in inputs.items() if name in action.input.model_fields or value}


def _typed(text: str, before: JSONValue, schema: JSONObject, name: str) -> JSONValue:
    """What was typed as the field's type: numbers, lists and the like are JSON, everything else is text."""
    text = text.strip()
    if text == shown_value(before):
        return before
    if not text or text.startswith("{{") or not _is_literal(schema, name):
        return text
    try:
        return loads(text)
    except InvalidJSON:
        return text


def _is_literal(schema: JSONObject, name: str) -> bool:
    item = schema.get("properties", {}).get(name, {})
    kinds = {item.get("type"), *(alternative.get("type") for alternative in item.get("anyOf", ()))}
    return "string" not in kinds and bool(kinds & set(_LITERALS))


def _known(step: dict[str, Any]) -> dict[str, Any]:
    return {"app": "", "action": "", **{name: value for name, value in step.items() if name in Step.model_fields}}
