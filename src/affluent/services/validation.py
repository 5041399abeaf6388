"""What a model refuses, in words for people: one (field, message) per problem, never with a secret in it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

Problems = list[tuple[str, str]]
"""(dotted field path, message)."""

_MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "string_type": "Must be text.",
    "int_type": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "float_type": "Must be a number.",
    "float_parsing": "Must be a number.",
    "bool_type": "Must be true or false.",
    "bool_parsing": "Must be true or false.",
    "list_type": "Must be a list.",
    "tuple_type": "Must be a list.",
    "dict_type": "Must be an object.",
    "model_type": "Must be an object.",
    "model_attributes_type": "Must be an object.",
}
_OF_CONTEXT = {
    "string_too_short": "Must have at least {min_length} characters.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_pattern_mismatch": "Must match the pattern {pattern}.",
    "greater_than": "Must be greater than {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than": "Must be less than {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "literal_error": "Must be one of: {expected}.",
    "enum": "Must be one of: {expected}.",
    "too_long": "Must have at most {max_length} entries.",
    "too_short": "Must have at least {min_length} entries.",
}


def problems_of(error: ValidationError, prefix: str = "") -> Problems:
    """Every problem of a validation, with field paths like `fields.api_key`."""
    problems: Problems = []
    for item in error.errors(include_url=False, include_input=False):
        path = dotted(item["loc"])
        problems.append((".".join(part for part in (prefix, path) if part), plain(item)))
    return problems


def plain(item: Any) -> str:  # noqa: ANN401 - one of pydantic's error details
    """One error detail of pydantic as a sentence."""
    kind = str(item["type"])
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind in _OF_CONTEXT:
        return _OF_CONTEXT[kind].format(**item["ctx"])
    message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    return f"{message[:1].upper()}{message[1:]}."


def dotted(location: tuple[int | str, ...]) -> str:
    """The place of a problem as a dotted path."""
    return ".".join(str(part) for part in location)
