"""What is wrong with a draft of a flow, field by field, before it is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from affluent.catalog import Catalog
from affluent.domain import mapping
from affluent.domain.expression import Allowance
from affluent.domain.flow import FlowDefinition, FlowInput, Step, TriggerUse
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import Subject, Trigger
from affluent.services.errors import Invalid
from affluent.services.flows import samples
from affluent.services.flows.fields import Setting, check_fields
from affluent.services.flows.problems import FlowProblem, warning
from affluent.services.flows.references import Known, check_condition, check_mapped
from affluent.services.validation import problems_of

M = TypeVar("M", bound=BaseModel)
_TOO_MUCH = (
    f"The expressions of a flow may have {mapping.MOST_CHARACTERS:,} characters together; split this flow into several."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The parts of a draft that can be read, each with its place."""

    trigger: TriggerUse | None
    inputs: tuple[tuple[int, FlowInput], ...]
    steps: tuple[tuple[int, Step], ...]


def definition_of(draft: JSONObject) -> FlowDefinition:
    """A draft as a definition; raises Invalid with every problem of its form."""
    if mapping.characters(draft) > mapping.MOST_CHARACTERS:
        raise Invalid(_TOO_MUCH, field="steps")
    try:
        return FlowDefinition.model_validate(draft)
    except ValidationError as error:
        problems = problems_of(error)
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems) from error


def check_draft(draft: JSONObject, catalog: Catalog) -> Iterator[FlowProblem]:
    """Every problem of a draft: of its form, and of what it means as far as its parts can be read."""
    try:
        FlowDefinition.model_validate(draft)
    except ValidationError as error:
        yield from (FlowProblem(field=field, message=message) for field, message in problems_of(error))
    if mapping.characters(draft) > mapping.MOST_CHARACTERS:
        yield FlowProblem(field="steps", message=_TOO_MUCH)
        return
    parts = _parts(draft)
    yield from _check_inputs(parts)
    trigger = _trigger(catalog, parts.trigger)
    yield from _check_trigger(catalog, parts, trigger)
    if not parts.steps and not draft.get("steps"):
        yield warning("steps", "This flow does nothing yet: add a step.")
    yield from _check_steps(catalog, parts, trigger)


def _check_inputs(parts: _Parts) -> Iterator[FlowProblem]:
    keys = [item.key for _, item in parts.inputs]
    for index, item in parts.inputs:
        place = f"inputs.{index}"
        if keys.index(item.key) < index and keys.count(item.key) > 1:
            yield FlowProblem(field=f"{place}.key", message=f"Another question has the key {item.key!r} already.")
        if item.type == "choice" and not item.choices:
            yield FlowProblem(field=f"{place}.choices", message="Name the values to choose from.")
        if item.type == "table" and not item.columns:
            yield FlowProblem(field=f"{place}.columns", message="Name the columns of the table.")


def _check_trigger(catalog: Catalog, parts: _Parts, trigger: Trigger | None) -> Iterator[FlowProblem]:
    use = parts.trigger
    if use is None:
        return
    app = catalog.apps.get(use.app)
    if app is None:
        yield FlowProblem(field="trigger.app", message=catalog.missing(use.app))
    elif trigger is None:
        known = ", ".join(app.triggers) or "none"
        yield FlowProblem(
            field="trigger.trigger", message=f"{app.title} has no trigger {use.trigger!r}; it has {known}."
        )
    else:
        yield from _check_options(use, trigger)
    known_here = Known(trigger=trigger.output if trigger else None, inputs=_keys(parts))
    yield from check_condition(use.condition, known_here, "trigger.condition")


def _check_options(use: TriggerUse, trigger: Trigger) -> Iterator[FlowProblem]:
    if trigger.options is None:
        for name in use.options:
            yield FlowProblem(field=f"trigger.options.{name}", message=f"{trigger.title} has no options.")
        return
    try:
        trigger.options.model_validate(use.options)
    except ValidationError as error:
        for field, message in problems_of(error, "trigger.options"):
            yield FlowProblem(field=field, message=message)


def _check_steps(catalog: Catalog, parts: _Parts, trigger: Trigger | None) -> Iterator[FlowProblem]:
    earlier: dict[str, type[BaseModel] | None] = {}
    outputs: dict[str, JSONValue] = {}
    use = parts.trigger
    payload = samples.trigger_payload(catalog, use.app, use.trigger) if use else {}
    defaults = {item.key: item.default for _, item in parts.inputs}
    event = {"id": "evt_sample", "type": trigger.event if trigger else "", "occurred_at": "2026-01-01T00:00:00+00:00"}
    data = {"trigger": payload, "steps": outputs, "inputs": defaults, "event": event}
    ids = [step.id for _, step in parts.steps]
    allowance = Allowance()
    for order, (index, step) in enumerate(parts.steps):
        place = f"steps.{index}"
        known = Known(
            trigger=trigger.output if trigger else None,
            inputs=_keys(parts),
            earlier=dict(earlier),
            later=frozenset(ids[order:]) - set(earlier),
        )
        yield from check_condition(step.condition, known, f"{place}.condition")
        reported: set[str] = set()
        for name, value in step.inputs.items():
            mapping_problems = list(check_mapped(value, known, f"{place}.inputs.{name}"))
            yield from mapping_problems
            reported |= {name} if mapping_problems else set()
        app, action = samples.found(catalog, step)
        if app is None:
            yield FlowProblem(field=f"{place}.app", message=catalog.missing(step.app))
        elif action is None:
            there_are = ", ".join(app.actions) or "none"
            message = f"{app.title} has no action {step.action!r}; it has {there_are}."
            yield FlowProblem(field=f"{place}.action", message=message)
        else:
            setting = Setting(
                data=data,
                subject=trigger.subject if trigger else Subject(),
                reported=frozenset(reported),
                allowance=allowance,
            )
            yield from check_fields(step, action, setting, place)
            outputs[step.id] = {**samples.action_output(app, action), "outcome": samples.outcome_of(action)}
        earlier[step.id] = action.output if action else None


def _parts(draft: JSONObject) -> _Parts:
    return _Parts(
        trigger=_read(TriggerUse, draft.get("trigger")),
        inputs=_read_all(FlowInput, draft.get("inputs")),
        steps=_read_all(Step, draft.get("steps")),
    )


def _read(model: type[M], value: JSONValue) -> M | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _read_all(model: type[M], values: JSONValue) -> tuple[tuple[int, M], ...]:
    if not isinstance(values, (list, tuple)):
        return ()
    read = [(index, _read(model, value)) for index, value in enumerate(values)]
    return tuple((index, item) for index, item in read if item is not None)


def _trigger(catalog: Catalog, use: TriggerUse | None) -> Trigger | None:
    app = catalog.apps.get(use.app) if use else None
    return app.triggers.get(use.trigger) if app and use else None


def _keys(parts: _Parts) -> frozenset[str]:
    return frozenset(item.key for _, item in parts.inputs)
