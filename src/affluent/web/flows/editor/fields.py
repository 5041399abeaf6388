"""The fields of a step with the value each would have: built over the sample, judged by the services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from affluent.domain.expression import Allowance, Unbounded
from affluent.domain.mapping import MappingError, render
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.kit.money import Money
from affluent.sdk import Action
from affluent.services.flows.problems import FlowProblem
from affluent.web.apps.schema_fields import SchemaField, fields_of
from affluent.web.flows.editor.draft import shown_value
from affluent.web.formatting import money as moneys

_ONE_EXPRESSION = re.compile(r"^\{\{\s*((?:(?!\}\}).)+?)\s*\}\}$", re.DOTALL)
_LONGEST_SHOWN = 300
_WRONG_UNIT = "Must be a whole number of minor units"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One input field of a step with its value."""

    field: SchemaField
    value: str
    is_json: bool
    """Edited as JSON in several lines: lists and objects."""
    shown: str
    """The value with the sample, as JSON; empty when it is not sent."""
    money: str
    """The same as an amount."""
    problem: str
    is_error: bool
    fix: str
    """What to put there instead."""


def rows(
    action: Action, step: Mapping[str, Any], data: JSONObject, problems: Iterable[FlowProblem], played: JSONObject
) -> tuple[Row, ...]:
    """The fields that are shown: required ones, and those that hold something or were asked for.

    `played` is the input of the step as the preview built it.
    """
    allowance = Allowance()
    inputs: JSONObject = step.get("inputs") or {}
    fields = [
        field for field in fields_of(action.input.model_json_schema()) if field.is_required or field.name in inputs
    ]
    values = {field.name: _value(field.name, inputs, data, played, allowance) for field in fields}
    known_problems = list(problems)
    return tuple(_row(field, inputs, values, action, known_problems) for field in fields)


def spare(action: Action | None, step: Mapping[str, Any]) -> tuple[SchemaField, ...]:
    """Optional fields that are not shown yet."""
    if action is None:
        return ()
    inputs: JSONObject = step.get("inputs") or {}
    schema = action.input.model_json_schema()
    return tuple(field for field in fields_of(schema) if not field.is_required and field.name not in inputs)


def fix_of(value: JSONValue, problem: FlowProblem, currency: JSONValue) -> str:
    """The text that puts a field right, when that can be said."""
    expression = _ONE_EXPRESSION.match(value) if isinstance(value, str) else None
    if (
        problem.fix
        or not problem.message.startswith(_WRONG_UNIT)
        or expression is None
        or "minor_units" in expression[1]
    ):
        return problem.fix
    currency_expression = _ONE_EXPRESSION.match(currency) if isinstance(currency, str) else None
    return f"{{{{ minor_units({expression[1]}, {currency_expression[1] if currency_expression else dumps(currency or 'USD')}) }}}}"


def plain(problem: FlowProblem) -> str:
    """The message without the fix in it, which is a button."""
    return problem.message.replace(f" Use {problem.fix}.", "") if problem.fix else problem.message


def _row(
    field: SchemaField,
    inputs: JSONObject,
    values: Mapping[str, JSONValue],
    action: Action,
    problems: list[FlowProblem],
) -> Row:
    typed = inputs.get(field.name)
    problem = _worst(problems, field.name)
    amount_field, currency_field = action.money or ("", "")
    value = values.get(field.name)
    return Row(
        field=field,
        value=shown_value(typed),
        is_json=isinstance(typed, (dict, list)),
        shown=_short(value) if value is not None and typed not in (None, "") else "",
        money=_money(value, values.get(currency_field)) if field.name == amount_field else "",
        problem=plain(problem) if problem else "",
        is_error=problem is not None and problem.is_error,
        fix=fix_of(typed, problem, inputs.get(currency_field)) if problem else "",
    )


def _worst(problems: list[FlowProblem], name: str) -> FlowProblem | None:
    """The first error of a field, else its first warning."""
    of_field = [problem for problem in problems if _field_of(problem) == name]
    return min(of_field, key=lambda problem: not problem.is_error, default=None)


def _value(name: str, inputs: JSONObject, data: JSONObject, played: JSONObject, allowance: Allowance) -> JSONValue:
    try:
        return render({name: inputs.get(name)}, data, allowance).get(name)
    except Unbounded:
        return played.get(name)
    except MappingError:
        return None


def _money(value: JSONValue, currency: JSONValue) -> str:
    if not isinstance(value, int) or isinstance(value, bool) or not isinstance(currency, str):
        return ""
    try:
        return moneys.in_words(Money(value, currency))
    except ValueError:
        return ""


def _field_of(problem: FlowProblem) -> str:
    parts = problem.field.split(".")
    return parts[parts.index("inputs") + 1].split("[")[0] if "inputs" in parts[:-1] else ""


def _short(value: JSONValue) -> str:
    text = dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
