"""What can be inserted into a field: the trigger's data, what earlier steps give, what the flow asks for, functions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from affluent.catalog import Catalog
from affluent.domain.functions import FUNCTIONS
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.services.flows.preview import PreviewResult, PreviewStep
from affluent.web.flows.editor.draft import TRIGGER
from affluent.web.formatting import phrases

_DEEPEST = 4
_LONGEST_SAMPLE = 60
_TIME = re.compile(r"\d{4}-\d\d-\d\d")
_ICONS = {str: "type", int: "hash", float: "hash", bool: "toggle-left", list: "list-checks", dict: "braces"}
_WRAPS = {
    "minor_units": "minor_units({}, CURRENCY)",
    "major_units": "major_units({}, CURRENCY)",
    "default": 'default({}, "")',
    "first": "first([{}])",
    "lookup": 'lookup(inputs.TABLE, "column", {}, "result")',
    "cut": "cut({}, 40)",
    "add": 'add({}, "0")',
    "subtract": 'subtract({}, "0")',
    "at_least": 'at_least({}, "0")',
    "add_days": "add_days({}, 1)",
    "join": 'join({}, ", ")',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One value that can be inserted into a field."""

    path: str
    label: str
    sample: str
    icon: str
    is_used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Values that belong together."""

    title: str
    app: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of expressions."""

    name: str
    text: str
    wrap: str
    """Around a value: {} stands for it."""


def groups(result: PreviewResult, *, trigger_app: str, up_to: str, used: str) -> tuple[Group, ...]:
    """What a step may use: the event, and what the steps before it give. `used` is the text of the step's fields."""
    payload = result.payload
    nested = {name: value for name, value in payload.items() if isinstance(value, dict)}
    plain = {name: value for name, value in payload.items() if name not in nested}
    collected = [
        Group(title=phrases.title(name), app=trigger_app, leaves=tuple(_leaves(f"trigger.{name}", value, name, used)))
        for name, value in nested.items()
    ]
    if plain:
        leaves = tuple(_leaves("trigger", plain, "", used))
        collected.insert(0, Group(title="Trigger", app=trigger_app, leaves=leaves))
    for step in _before(result, up_to):
        leaves = tuple(_leaves(f"steps.{step.id}", _given(step), "", used))
        collected.append(Group(title=step.title, app=step.app, leaves=leaves))
    if result.inputs:
        leaves = tuple(_leaves("inputs", result.inputs, "", used))
        collected.append(Group(title="Asked when switched on", app="", leaves=leaves))
    collected.append(Group(title="Event", app="", leaves=tuple(_leaves("event", result.event, "event", used))))
    return tuple(collected)


def known_to(result: PreviewResult, step_id: str) -> JSONObject:
    """What expressions of a step are evaluated over."""
    steps = {step.id: _given(step) for step in _before(result, step_id)}
    return {"trigger": result.payload, "steps": steps, "inputs": result.inputs, "event": result.event}


def functions(catalog: Catalog, trigger_app: str, trigger_key: str) -> tuple[Function, ...]:
    """All functions of expressions with their first line of help, fitted to the trigger's currency."""
    app = catalog.apps.get(trigger_app)
    trigger = app.triggers.get(trigger_key) if app else None
    currency = f"trigger.{trigger.subject.currency}" if trigger and trigger.subject.currency else '"USD"'
    return tuple(
        Function(
            name=name,
            text=phrases.first_line(inspect.getdoc(function) or ""),
            wrap=_WRAPS.get(name, f"{name}({{}})").replace("CURRENCY", currency).replace("TABLE", "plans"),
        )
        for name, function in FUNCTIONS.items()
    )


def _before(result: PreviewResult, part: str) -> tuple[PreviewStep, ...]:
    """The steps that have ended when a part is judged: none for the trigger."""
    ids = [step.id for step in result.steps]
    return result.steps[: ids.index(part)] if part in ids else () if part == TRIGGER else result.steps


def _given(step: PreviewStep) -> JSONObject:
    """What later steps see of a step, as the preview assumes it."""
    if step.condition_met is False:
        return {"outcome": "condition_false"}
    return {**step.assumed_output, "outcome": "read" if step.effect == "read" else "applied"}


def _leaves(base: str, value: Mapping[str, JSONValue], subject: str, used: str, depth: int = 0) -> Iterator[Leaf]:
    for name, item in value.items():
        path = f"{base}.{name}" if name.isidentifier() else f"{base}[{dumps(name)}]"
        if isinstance(item, dict) and item and depth < _DEEPEST:
            yield from _leaves(path, item, name if name not in ("settings", "metadata") else "", used, depth + 1)
            continue
        yield Leaf(
            path=path, label=_label(name, subject), sample=_sample(item), icon=_icon(item), is_used=_uses(used, path)
        )
        if isinstance(item, list) and item and isinstance(item[0], dict) and depth < _DEEPEST:
            yield from _leaves(f"{path}[0]", item[0], f"first_{name}", used, depth + 1)


def _label(name: str, subject: str) -> str:
    """The name of a value as a label, after its subject unless the last word of the subject is in the name already."""
    label = phrases.title(name)
    if not subject or subject.rsplit("_", maxsplit=1)[-1] in name.split("_"):
        return label
    return f"{phrases.title(subject)} {label if any(letter.isupper() for letter in name) else label.lower()}"


def _uses(text: str, path: str) -> bool:
    return re.search(rf"{re.escape(path)}(?![\w.\[])", text) is not None


def _icon(value: JSONValue) -> str:
    if isinstance(value, str) and _TIME.match(value):
        return "calendar"
    return _ICONS.get(type(value), "type")


def _sample(value: JSONValue) -> str:
    if isinstance(value, list):
        return f"{len(value)} items" if len(value) != 1 else "1 item"
    text = "" if value is None else value if isinstance(value, str) else dumps(value)
    return text if len(text) <= _LONGEST_SAMPLE else text[: _LONGEST_SAMPLE - 1] + "…"
