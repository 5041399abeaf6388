"""The fields of one step: known, complete, of the right type, and money in the right unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from affluent.domain.expression import Allowance, Expression, Unbounded
from affluent.domain.flow import Step
from affluent.domain.mapping import MappingError, render
from affluent.kit.jsons import JSONValue
from affluent.sdk import Action, Subject
from affluent.services.flows.problems import FlowProblem, warning
from affluent.services.flows.references import expressions_of
from affluent.services.validation import plain

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What fields are checked with."""

    data: Mapping[str, JSONValue]
    """Samples of trigger and earlier steps, and the defaults of the flow's inputs."""
    subject: Subject
    """Where in the trigger's payload the amount in major units is."""
    reported: frozenset[str] = frozenset()
    """Fields with a problem that was already reported."""
    allowance: Allowance = field(default_factory=Allowance)
    """One for all fields of a flow."""


def check_fields(step: Step, action: Action, setting: Setting, place: str) -> Iterator[FlowProblem]:
    """Every problem of a step's inputs; `place` is the step's own path, e.g. steps.0."""
    fields = action.input.model_fields
    is_open = action.input.model_config.get("extra") == "allow"
    for name in step.inputs:
        if name not in fields and not is_open:
            known = ", ".join(fields) or "none"
            yield FlowProblem(
                field=f"{place}.inputs.{name}", message=f"{action.title} has no such field; it has {known}."
            )
    for name, info in fields.items():
        value = step.inputs.get(name)
        if value in (None, ""):
            if info.is_required():
                yield FlowProblem(field=f"{place}.inputs.{name}", message="This field is required.")
            continue
        if name not in setting.reported:
            yield from _check_value(name, value, action, setting, f"{place}.inputs.{name}")


def _check_value(name: str, value: JSONValue, action: Action, setting: Setting, place: str) -> Iterator[FlowProblem]:
    is_amount = action.money is not None and action.money[0] == name
    if is_amount and _is_major(expressions_of(value), setting.subject):
        yield _wrong_unit(place, setting.subject)
        return
    try:
        given = render({name: value}, setting.data, setting.allowance).get(name)
    except Unbounded:
        return  # its value is shown in the preview
    except MappingError as error:
        yield warning(place, f"With the sample: {error.reason}")
        return
    if given is None:
        if action.input.model_fields[name].is_required():
            yield warning(place, "This gives nothing with the sample, and the field is required.")
        return
    yield from _check_given(name, value, given, action, place)


def _check_given(name: str, value: JSONValue, given: JSONValue, action: Action, place: str) -> Iterator[FlowProblem]:
    """Check the type of what an input gives with the sample."""
    expressions = expressions_of(value)
    is_amount = action.money is not None and action.money[0] == name
    if is_amount and expressions and (not isinstance(given, int) or isinstance(given, bool)):
        yield FlowProblem(
            field=place, message=f"Must be a whole number of minor units, and this gives {_shown(given)}."
        )
        return
    reason = _type_problem(action.input, name, given)
    if reason and not expressions:
        yield FlowProblem(field=place, message=reason)
    elif reason:
        yield FlowProblem(field=place, message=f"With the sample this gives {_shown(given)}. {reason}")


def _is_major(expressions: list[Expression], subject: Subject) -> bool:
    """Whether an expression hands on the trigger's amount in major units as it is."""
    amount = ("trigger", *subject.amount.split("."))
    return bool(subject.amount) and any(
        amount in expression.paths and "minor_units" not in expression.source for expression in expressions
    )


def _wrong_unit(place: str, subject: Subject) -> FlowProblem:
    currency = f"trigger.{subject.currency}" if subject.currency else '"USD"'
    fix = f"{{{{ minor_units(trigger.{subject.amount}, {currency}) }}}}"
    message = f"Must be minor units, and trigger.{subject.amount} is in major units. Use {fix}."
    return FlowProblem(field=place, message=message, fix=fix)


def _type_problem(model: type[BaseModel], name: str, value: JSONValue) -> str:
    try:
        _adapter(model, name).validate_python(value)
    except ValidationError as error:
        return plain(error.errors(include_url=False, include_input=False)[0])
    return ""


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    hint: Any = Annotated[info.annotation, info]
    return TypeAdapter(hint)


def _shown(value: JSONValue) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
