"""The typed input of a step: what its mapping gives, and what a position puts in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from affluent.engine import expressions
from affluent.engine.plans import PlannedStep
from affluent.engine.positions import Decision, Drop, Refuse
from affluent.kit.jsons import JSONValue
from affluent.sdk import Rejected


async def typed_input(planned: PlannedStep, data: Mapping[str, JSONValue]) -> BaseModel:
    """The input of a step: its mapping rendered over the data and checked. Raises Rejected with the guilty field."""
    try:
        rendered = await expressions.render(planned.step.inputs, data, ids=planned.action.ids)
        return planned.action.input.model_validate(rendered)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or planned.step.id
        raise Rejected(f"{name}: {plain_reason(first)}", field=name) from error


def plain_reason(error: Any) -> str:  # noqa: ANN401 - pydantic's error details
    """A validation error in words for people, with the value that was refused."""
    reason = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return "is required and the mapping gives nothing for it."
    rejected_value = error.get("input")
    shown = (
        f" (it is {rejected_value!r})"
        if isinstance(rejected_value, (str, int, float, bool)) and error["type"] != "value_error"
        else ""
    )
    return f"{reason}{shown}."


def decided_input(action_input: BaseModel, decision: Decision | None) -> BaseModel:
    """The input with what the position puts in place of the mapping's values."""
    if decision is None or isinstance(decision, (Drop, Refuse)) or not decision.inputs:
        return action_input
    return type(action_input).model_validate({**action_input.model_dump(exclude_unset=True), **decision.inputs})
