"""The values a flow asks for when it is connected, checked one by one."""

from __future__ import annotations

from affluent.domain.flow import FlowDefinition, FlowInput
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.services.errors import Invalid

_LONGEST_TEXT = 10_000
_LONGEST_TABLE = 1_000
_LARGEST = 10**15


def checked_inputs(definition: FlowDefinition, given: JSONObject) -> JSONObject:
    """What was entered, without what was left empty; raises Invalid with one problem per field, as `inputs.<key>`."""
    asked = {item.key: item for item in definition.inputs}
    problems = [(f"inputs.{key}", f"This flow does not ask for {key!r}.") for key in given if key not in asked]
    kept: JSONObject = {}
    for key, item in asked.items():
        value = _trimmed(given.get(key))
        if value in (None, "", []):
            if item.required and item.default in (None, ""):
                problems.append((f"inputs.{key}", f"{item.title} is required."))
            continue
        problem = _problem(item, value)
        if problem:
            problems.append((f"inputs.{key}", problem))
        kept[key] = value
    if problems:
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems)
    return kept


def _trimmed(value: JSONValue) -> JSONValue:
    return value.strip() if isinstance(value, str) else value


def _problem(item: FlowInput, value: JSONValue) -> str:
    match item.type:
        case "text":
            is_good = isinstance(value, str) and len(value) <= _LONGEST_TEXT
            return "" if is_good else f"{item.title} must be text of at most {_LONGEST_TEXT} characters."
        case "number":
            is_good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
            return "" if is_good else f"{item.title} must be a number of at most 15 digits."
        case "boolean":
            return "" if isinstance(value, bool) else f"{item.title} must be true or false."
        case "choice":
            return "" if value in item.choices else f"{item.title} must be one of: {', '.join(item.choices)}."
        case "table":
            return _table_problem(item, value)


def _table_problem(item: FlowInput, value: JSONValue) -> str:
    columns = [column.key for column in item.columns]
    if not isinstance(value, list) or len(value) > _LONGEST_TABLE:
        return f"{item.title} must be a list of at most {_LONGEST_TABLE} rows."
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            return f"Row {number} of {item.title} must be an object with the columns {', '.join(columns)}."
        unknown = [key for key in row if key not in columns]
        if unknown:
            return f"Row {number} of {item.title} has no column {unknown[0]!r}; there are {', '.join(columns)}."
        if any(isinstance(cell, (dict, list)) for cell in row.values()):
            return f"The cells of row {number} of {item.title} must be text, numbers, or true or false."
    return ""
