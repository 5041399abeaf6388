"""Mappings: how the input of a step is built from text with `{{ expression }}`.

A field that is one expression keeps the expression's type; text around expressions makes it text. Fields that come out null
are left out, so optional inputs need no condition. Only texts and numbers become part of a text; null is empty there, except in
a field that names a record or a customer: an id with a gap in it would be the id of many.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from affluent.domain.expression import Allowance, Expression, ExpressionError, Unbounded, compile_expression, size
from affluent.domain.functions import text as as_text
from affluent.kit.jsons import JSONObject, JSONValue, kind_of

LONGEST_TEXT = 1_000_000
LARGEST_INPUT = 200_000
"""Values and pieces of 32 characters that the input of one step may have: some megabytes."""
MOST_CHARACTERS = 10_000
"""Characters of the expressions of one flow: to compile and check them takes less than 100 ms."""
_PLAIN_COUNTS = 5
"""Characters that a plain path counts as, however long it is."""

_PLAIN = re.compile(r"\{\{\s*[\w.]+\s*\}\}")


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

    def render(
        self, data: Mapping[str, JSONValue], allowance: Allowance | None = None, *, is_id: bool = False
    ) -> JSONValue:
        """The value over data; raises ExpressionError. `is_id`: a text must have no gap where a value is missing."""
        allowance = allowance or Allowance()
        if len(self.pieces) == 1:
            piece = self.pieces[0]
            return piece if isinstance(piece, str) else piece.evaluate(data, allowance)
        parts: list[str] = []
        length = 0
        for piece in self.pieces:
            parts.append(piece if isinstance(piece, str) else _part(piece, data, allowance, is_id=is_id))
            length += len(parts[-1])
            if length > LONGEST_TEXT:
                raise ExpressionError(
                    f"The text has more than {LONGEST_TEXT:,} characters; use less of the data in it."
                )
        return "".join(parts)


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


def render(
    inputs: JSONObject,
    data: Mapping[str, JSONValue],
    allowance: Allowance | None = None,
    *,
    ids: Collection[str] = (),
) -> JSONObject:
    """All fields over data, without those that are null; `ids` name a record or a customer.

    Raises MappingError naming the first bad field, Unbounded when an expression must not be evaluated in this process.
    """
    allowance = allowance or Allowance()
    rendered = {name: _value(name, value, data, allowance, is_id=name in ids) for name, value in inputs.items()}
    fields = {name: value for name, value in rendered.items() if value is not None}
    if size([fields], LARGEST_INPUT) > LARGEST_INPUT:
        raise MappingError(_largest(fields), "this takes over too much data; name the smaller part that is needed.")
    return fields


def check(inputs: JSONObject) -> None:
    """Compile every field; raises MappingError naming the first bad one."""
    expressions(inputs)


def expressions(inputs: JSONObject) -> list[Expression]:
    """Every expression of the fields; raises MappingError naming the first bad field."""
    compiled: list[Expression] = []
    for name, value in inputs.items():
        for expression_text in texts(value):
            try:
                template = compile_template(expression_text)
            except ExpressionError as error:
                raise MappingError(name, str(error)) from error
            compiled += [piece for piece in template.pieces if isinstance(piece, Expression)]
    return compiled


def characters(draft: JSONValue) -> int:
    """How many characters of a definition, whatever its shape, stand in expressions that have to be compiled."""
    if isinstance(draft, str):
        if "{{" not in draft:
            return 0
        return _PLAIN_COUNTS if _PLAIN.fullmatch(draft) else len(draft)
    if isinstance(draft, dict):
        conditions = [value for name, value in draft.items() if name == "condition" and isinstance(value, str)]
        return sum(map(len, conditions)) + sum(map(characters, draft.values()))
    return sum(map(characters, draft)) if isinstance(draft, (list, tuple)) else 0


def texts(value: JSONValue) -> list[str]:
    """Every text inside a field's value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def _part(expression: Expression, data: Mapping[str, JSONValue], allowance: Allowance, *, is_id: bool) -> str:
    value = expression.evaluate(data, allowance)
    if isinstance(value, (bool, list, dict)):
        raise ExpressionError(f"{expression.source} gives {kind_of(value)}, which cannot stand inside a text.")
    if value is None and is_id:
        raise ExpressionError(f"{expression.source} gives nothing, and this field must name one record only.")
    try:
        return as_text(value)
    except ValueError as error:
        raise ExpressionError(f"{expression.source}: {error}.") from error


def _value(
    name: str, value: JSONValue, data: Mapping[str, JSONValue], allowance: Allowance, *, is_id: bool = False
) -> JSONValue:
    if isinstance(value, str):
        try:
            return compile_template(value).render(data, allowance, is_id=is_id)
        except Unbounded:
            raise
        except ExpressionError as error:
            raise MappingError(name, str(error)) from error
    if isinstance(value, dict):
        return {key: _value(f"{name}.{key}", item, data, allowance) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(f"{name}[{index}]", item, data, allowance) for index, item in enumerate(value)]
    return value


def _largest(fields: JSONObject) -> str:
    return max(fields, key=lambda name: size([fields[name]], LARGEST_INPUT))


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
