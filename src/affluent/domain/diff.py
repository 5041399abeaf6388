"""What changed between two versions of a flow, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from affluent.domain.flow import FlowDefinition, FlowInput, Step
from affluent.kit.jsons import JSONObject, JSONValue, dumps

_LONGEST_SHOWN = 120


def changes(before: FlowDefinition | None, after: FlowDefinition) -> tuple[str, ...]:
    """One sentence per change, from the top of the flow to its end; the first version says just that."""
    if before is None:
        return ("First version.",)
    sentences = [
        *_text("Name", before.name, after.name),
        *_text("Description", before.description, after.description),
        *_text("Type", before.type.value, after.type.value),
        *_trigger(before, after),
        *_inputs(before.inputs, after.inputs),
        *_steps(before.steps, after.steps),
        *_text("The name of the money it tracks", before.tracks_money_of, after.tracks_money_of),
    ]
    return tuple(sentences) or ("Nothing changed.",)


def _trigger(before: FlowDefinition, after: FlowDefinition) -> Iterator[str]:
    old, new = before.trigger, after.trigger
    if (old.app, old.trigger) != (new.app, new.trigger):
        yield f"It starts with {new.app}.{new.trigger} instead of {old.app}.{old.trigger}."
    yield from _fields("Trigger: option", old.options, new.options)
    yield from _text("Trigger: condition", old.condition, new.condition)
    yield from _text("Trigger: reason for skipping", old.skip_reason, new.skip_reason)


def _inputs(before: Sequence[FlowInput], after: Sequence[FlowInput]) -> Iterator[str]:
    old, new = {item.key: item for item in before}, {item.key: item for item in after}
    for key, item in old.items():
        if key not in new:
            yield f"Question {item.title!r} (inputs.{key}) removed."
    for key, item in new.items():
        known = old.get(key)
        if known is None:
            yield f"Question {item.title!r} (inputs.{key}) added."
        elif known != item:
            names = [name for name in FlowInput.model_fields if getattr(known, name) != getattr(item, name)]
            yield f"Question {item.title!r} (inputs.{key}) changed: {', '.join(names)}."


def _steps(before: Sequence[Step], after: Sequence[Step]) -> Iterator[str]:
    old, new = {step.id: step for step in before}, {step.id: step for step in after}
    for step in before:
        if step.id not in new:
            yield f"{_called(step)} ({step.app}.{step.action}) removed."
    kept_before = [step.id for step in before if step.id in new]
    kept_after = [step.id for step in after if step.id in old]
    for place, step in enumerate(after, start=1):
        known = old.get(step.id)
        if known is None:
            yield f"{_called(step)} ({step.app}.{step.action}) added as number {place}."
            continue
        if kept_before.index(step.id) != kept_after.index(step.id):
            yield f"{_called(step)} is number {place} now."
        yield from _step(known, step)


def _called(step: Step) -> str:
    """As people know it: by its title, where it has one."""
    return f"Step “{step.title}”" if step.title else f"Step {step.id!r}"


def _step(old: Step, new: Step) -> Iterator[str]:
    name = _called(old)
    if (old.app, old.action) != (new.app, new.action):
        yield f"{name} does {new.app}.{new.action} instead of {old.app}.{old.action}."
    yield from _text(f"{name}: title", old.title, new.title)
    yield from _text(f"{name}: condition", old.condition, new.condition)
    yield from _text(f"{name}: reason for skipping", old.skip_reason, new.skip_reason)
    yield from _fields(f"{name}:", old.inputs, new.inputs)
    yield from _text(f"{name}: when there is nothing to do", old.on_not_applicable, new.on_not_applicable)
    yield from _text(f"{name}: when the condition is false", old.on_condition_false, new.on_condition_false)


def _fields(name: str, old: JSONObject, new: JSONObject) -> Iterator[str]:
    for key in (*old, *(key for key in new if key not in old)):
        yield from _text(f"{name} {key}", old.get(key, ""), new.get(key, ""))


def _text(name: str, old: JSONValue, new: JSONValue) -> Iterator[str]:
    if old == new:
        return
    if old == "":
        yield f"{name} added: {_shown(new)}."
    elif new == "":
        yield f"{name} removed (it was {_shown(old)})."
    else:
        yield f"{name} is now {_shown(new)} (it was {_shown(old)})."


def _shown(value: JSONValue) -> str:
    text = value if isinstance(value, str) else dumps(value)
    return f"“{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}”"
