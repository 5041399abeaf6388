"""Mappings: how the input of a step is built from text with `{{ expression }}`.

A field that is one expression keeps the expression's type; text around expressions makes it text. Fields that come out null
are left out, so optional inputs need no condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from affluent.domain.expression import Expression, ExpressionError, compile_expression
from affluent.domain.functions import text as as_text
from affluent.kit.jsons import JSONObject, JSONValue


class MappingError(ValueError):
    """A field that cannot be built; names the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled text: plain pieces and expressions in turn."""

    pieces: tuple[str | Expression, ...]

    def render(self, data: Mapping[str, JSONValue]) -> JSONValue:
        """The value over data; raises ExpressionError."""
        if len(self.pieces) == 1:
            piece = self.pieces[0]
            return piece if isinstance(piece, str) else piece.evaluate(data)
        return "".join(piece if isinstance(piece, str) else as_text(piece.evaluate(data)) for piece in self.pieces)


@lru_cache(maxsize=8192)
def compile_template(text: str) -> Template:
    """Compile text with `{{ expression }}`; raises ExpressionError."""
    pieces: list[str | Expression] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        if start > position:
            pieces.append(text[position:start])
        end = _closing(text, start + 2)
        pieces.append(compile_expression(text[start + 2 : end]))
        position = end + 2
    if position < len(text) or not pieces:
        pieces.append(text[position:])
    return Template(tuple(pieces))


def render(inputs: JSONObject, data: Mapping[str, JSONValue]) -> JSONObject:
    """All fields over data, without those that are null. Raises MappingError naming the first bad field."""
    rendered = {name: _value(name, value, data) for name, value in inputs.items()}
    return {name: value for name, value in rendered.items() if value is not None}


def check(inputs: JSONObject) -> None:
    """Compile every field; raises MappingError naming the first bad one."""
    for name, value in inputs.items():
        for expression_text in texts(value):
            try:
                compile_template(expression_text)
            except ExpressionError as error:
                raise MappingError(name, str(error)) from error


def texts(value: JSONValue) -> list[str]:
    """Every text inside a field's value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def _value(name: str, value: JSONValue, data: Mapping[str, JSONValue]) -> JSONValue:
    if isinstance(value, str):
        try:
            return compile_template(value).render(data)
        except ExpressionError as error:
            raise MappingError(name, str(error)) from error
    if isinstance(value, dict):
        return {key: _value(f"{name}.{key}", item, data) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(f"{name}[{index}]", item, data) for index, item in enumerate(value)]
    return value


def _closing(text: str, start: int) -> int:
    depth = 0
    quote = ""
    position = start
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                if text[position : position + 2] == "}}":
                    return position
                break
            depth -= 1
        position += 1
    raise ExpressionError(f"{text[start - 2 : start + 60]}: the expression is not closed with }}}}.")
