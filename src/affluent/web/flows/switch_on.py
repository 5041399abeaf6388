"""The form that switches a flow on: a connection for each step, and the values the flow asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from affluent.bootstrap import Hub
from affluent.domain.flow import FlowDefinition, FlowInput
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.numbers import whole
from affluent.services.connections.views import ConnectionView
from affluent.services.errors import Invalid
from affluent.web.flows.cards import Card, cards
from affluent.web.forms import Form

_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A step that takes a connection, with the connections it may take."""

    card: Card
    options: tuple[ConnectionView, ...]
    is_required: bool
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An input that is a table, with its rows as they are shown."""

    item: FlowInput
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOn:
    """The form that switches a flow on, as it is shown."""

    places: tuple[Place, ...]
    inputs: tuple[FlowInput, ...]
    tables: Mapping[str, Table]
    values: Mapping[str, str]
    known: tuple[str, ...]
    """Fields at which an error can be shown."""

    def choices(self, item: FlowInput) -> list[tuple[str, str]]:
        """The options of an input that is a choice, with "Not chosen" when it may be left out."""
        empty = [] if item.required or item.default else [("", "Not chosen")]
        return [*empty, *((choice, choice.capitalize()) for choice in item.choices)]


async def switch_on(
    hub: Hub,
    definition: FlowDefinition,
    form: Form,
    *,
    bindings: Mapping[str, str] | None = None,
    inputs: JSONObject | None = None,
) -> SwitchOn:
    """The form for a flow, filled with what was typed, or else with what is stored."""
    needed, optional = hub.flow_connections.places(definition)
    apps = sorted({*needed.values(), *optional.values()})
    connections = {app: (await hub.connections.list(app=app, limit=_MOST)).items for app in apps}
    places = tuple(
        _place(card, connections[card.app], form, bindings, is_required=card.id in needed)
        for card in cards(definition, hub.catalog)
        if card.id in needed or card.id in optional
    )
    stored = inputs or {}
    return SwitchOn(
        places=places,
        inputs=definition.inputs,
        tables={item.key: _table(item, form, stored) for item in definition.inputs if item.type == "table"},
        values={item.key: _text(stored.get(item.key, item.default)) for item in definition.inputs},
        known=(
            "name",
            *(f"bindings.{place.card.id}" for place in places),
            *(f"inputs.{item.key}" for item in definition.inputs),
        ),
    )


def _place(
    card: Card,
    options: tuple[ConnectionView, ...],
    form: Form,
    bindings: Mapping[str, str] | None,
    *,
    is_required: bool,
) -> Place:
    """What was typed is chosen, else what is stored; in a new form the first active connection where one is required."""
    if bindings is not None:
        default = bindings.get(card.id, "")
    elif is_required:
        default = next((connection.id for connection in options if connection.status == "active"), "")
    else:
        default = ""
    chosen = form.text(f"bindings.{card.id}", default)
    return Place(card=card, options=options, is_required=is_required, chosen=chosen)


def bindings_of(form: Form) -> dict[str, str]:
    """The chosen connections by step, without steps for which none was chosen."""
    return {place: value for place, value in form.under("bindings").items() if value}


def inputs_of(definition: FlowDefinition, form: Form) -> JSONObject:
    """What was entered, by type; raises Invalid for a number that is none."""
    given: JSONObject = {}
    for item in definition.inputs:
        name = f"inputs.{item.key}"
        if item.type == "table":
            given[item.key] = [row for row in rows_of(item, form) if any(row.values())]
        elif item.type == "boolean":
            given[item.key] = form.text(name) == "yes"
        elif item.type == "number":
            given[item.key] = _number(item, form.text(name).strip(), name)
        else:
            given[item.key] = form.text(name)
    return given


def rows_of(item: FlowInput, form: Form) -> list[dict[str, str]]:
    """The rows of a table as they were typed, also empty ones."""
    cells = form.under(f"inputs.{item.key}")
    numbers = sorted({int(key.split(".", 1)[0]) for key in cells if re.match(r"[0-9]{1,4}\.", key)})
    return [
        {column.key: cells.get(f"{number}.{column.key}", "").strip() for column in item.columns} for number in numbers
    ]


def row_edit(form: Form) -> tuple[str, str, int]:
    """What a row button asks for: add or remove, the table's key, the row; empty when none was pressed."""
    act, _, rest = form.text("do").partition(":")
    key, _, number = rest.partition(":")
    row = whole(number or "0")
    return (act, key, row) if act in ("add", "remove") and row is not None else ("", "", 0)


def _table(item: FlowInput, form: Form, inputs: JSONObject) -> Table:
    rows = rows_of(item, form)
    act, key, number = row_edit(form)
    if not rows and not act:
        rows = _stored_rows(item, inputs)
    if key == item.key and act == "remove":
        rows = [row for index, row in enumerate(rows) if index != number]
    if (key == item.key and act == "add") or not rows:
        rows.append({column.key: "" for column in item.columns})
    return Table(item=item, rows=tuple(rows))


def _stored_rows(item: FlowInput, inputs: JSONObject) -> list[dict[str, str]]:
    rows = [row for row in inputs.get(item.key) or [] if isinstance(row, dict)]
    return [{column.key: _text(row.get(column.key)) for column in item.columns} for row in rows]


def _number(item: FlowInput, text: str, name: str) -> JSONValue:
    if not text:
        return None
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text):
        return float(text)
    raise Invalid(f"{item.title} must be a number, such as 12 or 0.5.", field=name)


def _text(value: JSONValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value)
