"""What is wrong with a draft of a flow, field by field, before it is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from affluent.catalog import Catalog
from affluent.domain.flow import FlowDefinition
from affluent.kit.jsons import JSONObject
from affluent.services.errors import Invalid
from affluent.services.validation import problems_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where."""

    field: str
    """Dotted path in the definition, e.g. steps.0.inputs.amount."""
    message: str
    is_error: bool = True
    """False: a warning, which does not keep the flow from being published."""


def definition_of(draft: JSONObject) -> FlowDefinition:
    """A draft as a definition; raises Invalid with every problem of its form."""
    try:
        return FlowDefinition.model_validate(draft)
    except ValidationError as error:
        problems = problems_of(error)
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems) from error


def check_draft(draft: JSONObject, catalog: Catalog) -> Iterator[Problem]:
    """Every problem of a draft."""
    try:
        definition = FlowDefinition.model_validate(draft)
    except ValidationError as error:
        yield from (Problem(field=field, message=message) for field, message in problems_of(error))
        return
    app = catalog.apps.get(definition.trigger.app)
    if app is None:
        yield Problem(field="trigger.app", message=f"There is no app {definition.trigger.app!r}.")
    elif definition.trigger.trigger not in app.triggers:
        yield Problem(field="trigger.trigger", message=f"{app.title} has no trigger {definition.trigger.trigger!r}.")
