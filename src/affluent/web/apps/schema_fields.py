"""A JSON schema as the fields that people fill in or read about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affluent.kit.jsons import JSONObject
from affluent.web.formatting import phrases
from affluent.web.forms import Form

OTHER = "*"
"""What a form sends for a choice when the value is typed instead."""
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no",
    "array": "list",
    "object": "object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField:
    """One field of a JSON schema, as forms and pages show it."""

    name: str
    title: str
    text: str
    kind: str
    """In words: text, whole number, list of text, one of a, b."""
    is_required: bool = False
    is_secret: bool = False
    is_number: bool = False
    default: str = ""
    example: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """The only values it may have, with what they are called."""
    choices: tuple[tuple[str, str], ...] = field(default=())
    """Values it often has; others may be typed."""

    @property
    def is_rare(self) -> bool:
        """Whether hardly anybody needs it, so that a form folds it away."""
        return self.name == "base_url" and not self.choices and not self.is_required


def fields_of(schema: JSONObject | None) -> tuple[SchemaField, ...]:
    """The top-level fields of an object's schema."""
    if not schema:
        return ()
    required = set(schema.get("required", ()))
    return tuple(
        _field(name, item, schema.get("$defs", {}), is_required=name in required)
        for name, item in schema.get("properties", {}).items()
    )


def typed(form: Form, prefix: str = "fields") -> dict[str, str]:
    """What was entered for the fields, by name; a choice of "other" gives what was typed beside it."""
    given = form.under(prefix)
    return {name: form.text(f"other.{name}") if value == OTHER else value for name, value in given.items()}


def _field(name: str, item: Mapping[str, Any], shared: Mapping[str, Any], *, is_required: bool) -> SchemaField:
    plain = _resolved(item, shared)
    default = item.get("default")
    examples = item.get("examples") or plain.get("examples") or ()
    return SchemaField(
        name=name,
        title=_title(name, str(item.get("title") or plain.get("title") or "")),
        text=str(item.get("description") or ""),
        kind=_kind(item, shared),
        is_required=is_required,
        is_secret=plain.get("format") == "password",
        is_number=plain.get("type") in ("integer", "number"),
        default=str(default) if default not in (None, "", [], {}) else "",
        example=str(examples[0]) if examples else "",
        options=tuple((str(value), str(value)) for value in plain.get("enum", ())),
        choices=tuple((str(value), str(text)) for value, text in item.get("choices", {}).items()),
    )


def _title(name: str, given: str) -> str:
    """What the schema says, unless pydantic made it up from the name."""
    return phrases.title(name) if given in ("", name.replace("_", " ").title()) else given


def _resolved(item: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, behind references and "or nothing"."""
    reference = item.get("$ref")
    if reference:
        target: Mapping[str, Any] = shared.get(str(reference).rsplit("/", 1)[-1], {})
        return target
    alternatives = [schema for schema in item.get("anyOf", ()) if schema.get("type") != "null"]
    return _resolved(alternatives[0], shared) if len(alternatives) == 1 else item


def _kind(item: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    alternatives = [schema for schema in item.get("anyOf", ()) if schema.get("type") != "null"]
    if len(alternatives) > 1:
        return " or ".join(dict.fromkeys(_kind(schema, shared) for schema in alternatives))
    plain = _resolved(item, shared)
    if plain.get("enum"):
        return "one of " + ", ".join(str(value) for value in plain["enum"])
    if plain.get("type") == "array" and plain.get("items"):
        return f"list of {_kind(plain['items'], shared)}"
    return _TYPES.get(str(plain.get("type", "")), "anything")
