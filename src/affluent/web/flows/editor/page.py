"""The view model of the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONObject
from affluent.kit.numbers import whole
from affluent.sdk import Action, App
from affluent.services.connections.apps import AppView, apps
from affluent.services.flows.preview import PreviewStep
from affluent.services.flows.problems import FlowProblem
from affluent.services.flows.views import FlowDetail
from affluent.web.apps.schema_fields import SchemaField, fields_of
from affluent.web.flows.editor import data, draft, fields, questions
from affluent.web.flows.editor.draft import ADD, FLOW, TRIGGER
from affluent.web.flows.editor.sample import Played
from affluent.web.formatting import phrases
from affluent.web.forms import Form

Choices = tuple[tuple[AppView, tuple[tuple[str, str, str, str], ...]], ...]
"""Apps with what they offer: value, title, text, kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A card of the chain."""

    id: str
    number: int
    app: str
    app_title: str
    title: str
    condition: str
    condition_words: str
    stops: bool
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A problem with a link to its field."""

    where: str
    message: str
    href: str
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorPage:
    """What the editor shows of one part."""

    detail: FlowDetail
    said: JSONObject
    """The draft."""
    part: str
    at: int
    """Where a new step goes."""
    nodes: tuple[Node, ...]
    told: tuple[Told, ...]
    played: Played
    step: Mapping[str, Any]
    """The step, or the trigger's use."""
    node: Node | None
    action: Action | None
    text: str
    rows: tuple[fields.Row, ...]
    spare: tuple[SchemaField, ...]
    options: tuple[SchemaField, ...]
    """Of the trigger."""
    problem_of: Mapping[str, str]
    """Other fields of this part, with what is wrong."""
    shown: PreviewStep | None
    groups: tuple[data.Group, ...]
    functions: tuple[data.Function, ...]
    choices: Choices
    pasted: str
    focus: str
    saved_at: datetime | None
    form: Form
    dialog: str
    changes: tuple[str, ...]
    is_choosing: bool
    """Whether the step gets another action."""
    is_pasting: bool
    """Whether the sample is there as JSON to be changed."""

    @property
    def lists_actions(self) -> bool:
        """Whether actions are offered instead of a form."""
        return self.part == ADD or self.is_choosing

    @property
    def errors(self) -> int:
        """What keeps it from being published."""
        return sum(one.is_error for one in self.told)

    @property
    def questions(self) -> tuple[tuple[dict[str, Any], str], ...]:
        """What the flow asks for, with choices or columns as text; and an empty row for one more."""
        asked = questions.questions(self.said)
        return (*((one, questions.more_of(one)) for one in asked), ({"type": "text"}, ""))

    @property
    def question_types(self) -> tuple[tuple[str, str], ...]:
        """What a question may be."""
        return questions.TYPES

    @property
    def next_version(self) -> int:
        """The number it would get."""
        return self.detail.flow.version + 1

    def href(self, part: str = "", **query: str) -> str:
        """Another part of the editor, with the same sample."""
        said = {"part": part or self.part, "sample": self.played.sample, **query}
        return f"/flows/{self.detail.flow.id}/edit?" + "&".join(
            f"{name}={value}" for name, value in said.items() if value
        )


def build(
    hub: Hub,
    detail: FlowDetail,
    said: JSONObject,
    played: Played,
    *,
    part: str,
    at: int = 0,
    focus: str = "",
    form: Form | None = None,
    dialog: str = "",
    pasted: str = "",
    is_choosing: bool = False,
    is_pasting: bool = False,
) -> EditorPage:
    """The page of a part."""
    problems = hub.flows.validate(draft.cleaned(said))
    steps = draft.steps_of(said)
    ids = [str(step["id"]) for step in steps]
    part = part if part in (FLOW, TRIGGER, ADD, *ids) else (ids[0] if ids else TRIGGER)
    nodes = _nodes(hub, said, steps, problems)
    use = draft.trigger_of(said)
    step = draft.step_of(said, part) if part not in (FLOW, TRIGGER, ADD) else use
    step = step if step is not None else {}
    _, action = _found(hub, step) if part not in (FLOW, TRIGGER, ADD) else (None, None)
    mine = [one for one in problems if part_of(one.field, ids) == part]
    known = data.known_to(played.result, part)
    app = hub.catalog.apps.get(str(use.get("app")))
    trigger = app.triggers.get(str(use.get("trigger"))) if app else None
    shown = next((one for one in played.result.steps if one.id == part), None)
    text = (
        phrases.first_line(action.description) if action else phrases.first_line(trigger.description) if trigger else ""
    )
    return EditorPage(
        detail=detail,
        said=said,
        part=part,
        at=at,
        nodes=nodes,
        told=tuple(
            _told(hub, said, one, nodes, f"/flows/{detail.flow.id}/edit?sample={played.sample}") for one in problems
        ),
        played=played,
        step=step,
        node=next((one for one in nodes if one.id == part), None),
        action=action,
        text=text,
        rows=fields.rows(action, step, known, [*mine, *_played_problems(shown)], shown.input if shown else {})
        if action
        else (),
        spare=fields.spare(action, step) if action else (),
        options=fields_of(trigger.options.model_json_schema() if trigger and trigger.options else None),
        problem_of={
            one.field if one.field.startswith("inputs.") else one.field.rsplit(".", 1)[-1]: one.message
            for one in reversed(mine)
            if ".inputs." not in one.field
        },
        shown=shown,
        groups=data.groups(
            played.result, trigger_app=str(use.get("app", "")), up_to=part, used=str(step.get("inputs") or {})
        ),
        functions=data.functions(hub.catalog, str(use.get("app")), str(use.get("trigger"))),
        choices=_triggers(hub) if part == TRIGGER else _actions(hub) if part == ADD or is_choosing else (),
        pasted=pasted,
        focus=focus,
        saved_at=detail.draft_at,
        form=form or Form(),
        dialog=dialog,
        changes=(),
        is_choosing=is_choosing and part not in (FLOW, TRIGGER, ADD),
        is_pasting=is_pasting,
    )


def part_of(field: str, ids: Sequence[str]) -> str:
    """The part of the editor in which a field is."""
    root, _, rest = field.partition(".")
    index = whole(rest.partition(".")[0])
    if root == "steps" and index is not None and index < len(ids):
        return ids[index]
    return TRIGGER if root == "trigger" or field == "type" else FLOW


def _played_problems(shown: PreviewStep | None) -> list[FlowProblem]:
    """What is wrong only with the sample that is played: said at the field, but no reason not to publish."""
    problems = shown.problems if shown else ()
    return [FlowProblem(field=one.field, message=one.message, is_error=False) for one in problems]


def _nodes(
    hub: Hub, said: JSONObject, steps: list[dict[str, Any]], problems: Sequence[FlowProblem]
) -> tuple[Node, ...]:
    ids = [str(step["id"]) for step in steps]
    use = draft.trigger_of(said)
    app = hub.catalog.apps.get(str(use.get("app")))
    trigger = app.triggers.get(str(use.get("trigger"))) if app else None
    title = trigger.title if trigger else "Choose a trigger"
    mine = {part: [one for one in problems if part_of(one.field, ids) == part] for part in (TRIGGER, *ids)}
    found = [_node(TRIGGER, use, app, mine[TRIGGER], number=0, title=title, stops=True)]
    for number, step in enumerate(steps, start=1):
        of_app, action = _found(hub, step)
        name = str(step.get("title") or (action.title if action else step.get("action", "")))
        stops = step.get("on_condition_false") == "stop"
        part = str(step["id"])
        found.append(_node(part, step, of_app, mine[part], number=number, title=name, stops=stops))
    return tuple(found)


def _node(
    part: str,
    said: Mapping[str, Any],
    app: App | None,
    mine: Sequence[FlowProblem],
    *,
    number: int,
    title: str,
    stops: bool,
) -> Node:
    condition = str(said.get("condition") or "")
    return Node(
        id=part,
        number=number,
        app=str(said.get("app", "")),
        app_title=app.title if app else str(said.get("app") or ""),
        title=title,
        condition=condition,
        condition_words=phrases.condition(condition),
        stops=stops,
        errors=sum(one.is_error for one in mine),
        warnings=sum(not one.is_error for one in mine),
    )


def _told(hub: Hub, said: JSONObject, one: FlowProblem, nodes: Sequence[Node], address: str) -> Told:
    part = part_of(one.field, [str(step["id"]) for step in draft.steps_of(said)])
    name = one.field.split(".")[-1].split("[")[0]
    node = next((item for item in nodes if item.id == part), None)
    _, action = _found(hub, draft.step_of(said, part) or {})
    info = action.input.model_fields.get(name) if action and ".inputs." in one.field else None
    field = (info.title if info else "") or phrases.title(name)
    return Told(
        where=f"{node.title} · {field}" if node else field,
        message=fields.plain(one),
        href=f"{address}&part={part}&focus={name}",
        is_error=one.is_error,
    )


def _found(hub: Hub, step: Mapping[str, Any]) -> tuple[App | None, Action | None]:
    app = hub.catalog.apps.get(str(step.get("app")))
    return app, app.actions.get(str(step.get("action"))) if app else None


def _triggers(hub: Hub) -> Choices:
    shown = [(one, hub.catalog.apps[one.key]) for one in apps(hub.catalog)]
    return tuple(
        (
            view,
            tuple(
                (f"{app.key}.{t.key}", t.title, phrases.first_line(t.description), t.kind.value)
                for t in app.triggers.values()
            ),
        )
        for view, app in shown
        if app.triggers
    )


def _actions(hub: Hub) -> Choices:
    shown = [(one, hub.catalog.apps[one.key]) for one in apps(hub.catalog)]
    return tuple(
        (
            view,
            tuple(
                (f"{app.key}.{a.key}", a.title, phrases.first_line(a.description), a.effect.value)
                for a in app.actions.values()
            ),
        )
        for view, app in shown
        if app.actions
    )


def trigger_choices(hub: Hub) -> Choices:
    """All triggers, for a new flow."""
    return _triggers(hub)


def currency_of(hub: Hub, said: JSONObject, step_id: str) -> str:
    """What the currency field of a step is built from; empty when the step moves no money."""
    step = draft.step_of(said, step_id) or {}
    _, action = _found(hub, step)
    value = (step.get("inputs") or {}).get(action.money[1]) if action and action.money else ""
    return value if isinstance(value, str) else ""
