"""Mappings: how the input of a step is built from text with `{{ expression }}`.

A field that is one expression keeps the expression's type; text around expressions makes it text. Fields that come out null
are left out, so optional inputs need no condition. Only texts and numbers become part of a text; null is empty there, except in
a field that names a record or a customer: an id with a gap in it would be the id of many.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from affluent.domain.expression import Expression, ExpressionError, compile_expression
from affluent.kit.jsons import JSONObject, JSONValue, kind_of, text_of


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

    def render(self, data: Mapping[str, JSONValue], *, is_id: bool = False) -> JSONValue:
        """The value over data; raises ExpressionError. `is_id`: a text must have no gap where a value is missing."""
        if len(self.pieces) == 1:
            piece = self.pieces[0]
            return piece if isinstance(piece, str) else piece.evaluate(data)
        return "".join(piece if isinstance(piece, str) else _part(piece, data, is_id=is_id) for piece in self.pieces)


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


def render(inputs: JSONObject, data: Mapping[str, JSONValue], *, ids: Collection[str] = ()) -> JSONObject:
    """All fields over data, without those that are null; `ids` name a record or a customer.

    Raises MappingError naming the first bad field.
    """
    rendered = {name: _value(name, value, data, is_id=name in ids) for name, value in inputs.items()}
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


def _part(expression: Expression, data: Mapping[str, JSONValue], *, is_id: bool) -> str:
    value = expression.evaluate(data)
    if isinstance(value, (bool, list, dict)):
        raise ExpressionError(f"{expression.source} gives {kind_of(value)}, which cannot stand inside a text.")
    if value is None and is_id:
        raise ExpressionError(f"{expression.source} gives nothing, and this field must name one record only.")
    return text_of(value)


def _value(name: str, value: JSONValue, data: Mapping[str, JSONValue], *, is_id: bool = False) -> JSONValue:
    if isinstance(value, str):
        try:
            return compile_template(value).render(data, is_id=is_id)
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
