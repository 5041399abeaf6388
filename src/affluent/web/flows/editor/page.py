"""The view model of the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONObject
from affluent.kit.numbers import whole
from affluent.sdk import Action, App, Trigger
from affluent.services.connections.apps import AppView, apps
from affluent.services.flows.preview import PreviewStep
from affluent.services.flows.problems import FlowProblem
from affluent.services.flows.views import FlowDetail
from affluent.web.apps.schema_fields import SchemaField, fields_of
from affluent.web.flows.editor import data, fields, questions
from affluent.web.flows.editor import draft as drafts
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
class LinkedProblem:
    """A problem with a link to its field."""

    where: str
    message: str
    href: str
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorPage:
    """What the editor shows of one part."""

    detail: FlowDetail
    draft: JSONObject
    part: str
    at: int
    """Where a new step goes."""
    nodes: tuple[Node, ...]
    problems: tuple[LinkedProblem, ...]
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
        return sum(problem.is_error for problem in self.problems)

    @property
    def questions(self) -> tuple[tuple[dict[str, Any], str], ...]:
        """What the flow asks for, with choices or columns as text; and an empty row for one more."""
        asked = questions.questions(self.draft)
        return (*((question, questions.more_of(question)) for question in asked), ({"type": "text"}, ""))

    @property
    def question_types(self) -> tuple[tuple[str, str], ...]:
        """The types that a question can have."""
        return questions.TYPES

    @property
    def next_version(self) -> int:
        """The number that the draft gets when it is published."""
        return self.detail.flow.version + 1

    def href(self, part: str = "", **query: str) -> str:
        """Another part of the editor, with the same sample."""
        fields_of_query = {"part": part or self.part, "sample": self.played.sample, **query}
        return f"/flows/{self.detail.flow.id}/edit?" + "&".join(
            f"{name}={value}" for name, value in fields_of_query.items() if value
        )


def build(
    hub: Hub,
    detail: FlowDetail,
    draft: JSONObject,
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
    """The view model of one part of a draft, validated and played with the sample."""
    problems = hub.flows.validate(drafts.cleaned(draft))
    steps = drafts.steps_of(draft)
    ids = [str(step["id"]) for step in steps]
    part = part if part in (FLOW, TRIGGER, ADD, *ids) else next(iter(ids), TRIGGER)
    is_step = part not in (FLOW, TRIGGER, ADD)
    nodes = _nodes(hub, draft, steps, problems)
    use = drafts.trigger_of(draft)
    step = (drafts.step_of(draft, part) or {}) if is_step else use
    action = _app_and_action(hub, step)[1] if is_step else None
    trigger = _trigger_of(hub, use)
    own_problems = [problem for problem in problems if part_of(problem.field, ids) == part]
    preview = _preview_of(played, part)
    address = f"/flows/{detail.flow.id}/edit?sample={played.sample}"
    return EditorPage(
        detail=detail,
        draft=draft,
        part=part,
        at=at,
        nodes=nodes,
        problems=tuple(_linked(hub, draft, problem, nodes, address) for problem in problems),
        played=played,
        step=step,
        node=_node_of(nodes, part),
        action=action,
        text=_about(action, trigger),
        rows=_rows(action, step, played, preview, part=part, problems=own_problems),
        spare=fields.spare(action, step),
        options=_options(trigger),
        problem_of=_problem_of(own_problems),
        shown=preview,
        groups=data.groups(
            played.result, trigger_app=str(use.get("app", "")), up_to=part, used=str(step.get("inputs") or {})
        ),
        functions=data.functions(hub.catalog, str(use.get("app")), str(use.get("trigger"))),
        choices=_choices(hub, part, is_choosing=is_choosing),
        pasted=pasted,
        focus=focus,
        saved_at=detail.draft_at,
        form=form or Form(),
        dialog=dialog,
        changes=(),
        is_choosing=is_choosing and is_step,
        is_pasting=is_pasting,
    )


def _preview_of(played: Played, step_id: str) -> PreviewStep | None:
    return next((step for step in played.result.steps if step.id == step_id), None)


def _node_of(nodes: Sequence[Node], part: str) -> Node | None:
    return next((node for node in nodes if node.id == part), None)


def _trigger_of(hub: Hub, use: Mapping[str, Any]) -> Trigger | None:
    app = hub.catalog.apps.get(str(use.get("app")))
    return app.triggers.get(str(use.get("trigger"))) if app else None


def _about(action: Action | None, trigger: Trigger | None) -> str:
    """What the action does, else what the trigger waits for, on one line."""
    described = action or trigger
    return phrases.first_line(described.description) if described else ""


def _rows(
    action: Action | None,
    step: Mapping[str, Any],
    played: Played,
    preview: PreviewStep | None,
    *,
    part: str,
    problems: Sequence[FlowProblem],
) -> tuple[fields.Row, ...]:
    if action is None:
        return ()
    known = data.known_to(played.result, part)
    inputs = preview.input if preview else {}
    return fields.rows(action, step, known, [*problems, *_played_problems(preview)], inputs)


def _options(trigger: Trigger | None) -> tuple[SchemaField, ...]:
    return fields_of(trigger.options.model_json_schema() if trigger and trigger.options else None)


def _problem_of(problems: Sequence[FlowProblem]) -> dict[str, str]:
    """The first problem of each field that is no input of a step, by the name of the field in the form."""
    return {
        problem.field if problem.field.startswith("inputs.") else problem.field.rsplit(".", 1)[-1]: problem.message
        for problem in reversed(problems)
        if ".inputs." not in problem.field
    }


def _choices(hub: Hub, part: str, *, is_choosing: bool) -> Choices:
    if part == TRIGGER:
        return trigger_choices(hub)
    return _actions(hub) if part == ADD or is_choosing else ()


def part_of(field: str, ids: Sequence[str]) -> str:
    """The part of the editor in which a field is."""
    root, _, rest = field.partition(".")
    index = whole(rest.partition(".")[0])
    if root == "steps" and index is not None and index < len(ids):
        return ids[index]
    return TRIGGER if root == "trigger" or field == "type" else FLOW


def _played_problems(preview: PreviewStep | None) -> list[FlowProblem]:
    """What is wrong only with the sample that is played: shown at the field, but no reason not to publish."""
    problems = preview.problems if preview else ()
    return [FlowProblem(field=problem.field, message=problem.message, is_error=False) for problem in problems]


def _nodes(
    hub: Hub, draft: JSONObject, steps: list[dict[str, Any]], problems: Sequence[FlowProblem]
) -> tuple[Node, ...]:
    ids = [str(step["id"]) for step in steps]
    use = drafts.trigger_of(draft)
    app = hub.catalog.apps.get(str(use.get("app")))
    trigger = _trigger_of(hub, use)
    title = trigger.title if trigger else "Choose a trigger"
    by_part = {
        part: [problem for problem in problems if part_of(problem.field, ids) == part] for part in (TRIGGER, *ids)
    }
    nodes = [_node(TRIGGER, use, app, by_part[TRIGGER], number=0, title=title, stops=True)]
    for number, step in enumerate(steps, start=1):
        of_app, action = _app_and_action(hub, step)
        name = str(step.get("title") or (action.title if action else step.get("action", "")))
        stops = step.get("on_condition_false") == "stop"
        part = str(step["id"])
        nodes.append(_node(part, step, of_app, by_part[part], number=number, title=name, stops=stops))
    return tuple(nodes)


def _node(
    part: str,
    use: Mapping[str, Any],
    app: App | None,
    problems: Sequence[FlowProblem],
    *,
    number: int,
    title: str,
    stops: bool,
) -> Node:
    condition = str(use.get("condition") or "")
    return Node(
        id=part,
        number=number,
        app=str(use.get("app", "")),
        app_title=app.title if app else str(use.get("app") or ""),
        title=title,
        condition=condition,
        condition_words=phrases.condition(condition),
        stops=stops,
        errors=sum(problem.is_error for problem in problems),
        warnings=sum(not problem.is_error for problem in problems),
    )


def _linked(hub: Hub, draft: JSONObject, problem: FlowProblem, nodes: Sequence[Node], address: str) -> LinkedProblem:
    part = part_of(problem.field, [str(step["id"]) for step in drafts.steps_of(draft)])
    name = problem.field.split(".")[-1].split("[")[0]
    node = _node_of(nodes, part)
    _, action = _app_and_action(hub, drafts.step_of(draft, part) or {})
    info = action.input.model_fields.get(name) if action and ".inputs." in problem.field else None
    field = (info.title if info else "") or phrases.title(name)
    return LinkedProblem(
        where=f"{node.title} · {field}" if node else field,
        message=fields.plain(problem),
        href=f"{address}&part={part}&focus={name}",
        is_error=problem.is_error,
    )


def _app_and_action(hub: Hub, step: Mapping[str, Any]) -> tuple[App | None, Action | None]:
    app = hub.catalog.apps.get(str(step.get("app")))
    return app, app.actions.get(str(step.get("action"))) if app else None


def trigger_choices(hub: Hub) -> Choices:
    """The triggers of all apps."""
    offered = [(view, hub.catalog.apps[view.key]) for view in apps(hub.catalog)]
    return tuple(
        (
            view,
            tuple(
                (f"{app.key}.{t.key}", t.title, phrases.first_line(t.description), t.kind.value)
                for t in app.triggers.values()
            ),
        )
        for view, app in offered
        if app.triggers
    )


def _actions(hub: Hub) -> Choices:
    offered = [(view, hub.catalog.apps[view.key]) for view in apps(hub.catalog)]
    return tuple(
        (
            view,
            tuple(
                (f"{app.key}.{a.key}", a.title, phrases.first_line(a.description), a.effect.value)
                for a in app.actions.values()
            ),
        )
        for view, app in offered
        if app.actions
    )


def currency_of(hub: Hub, draft: JSONObject, step_id: str) -> str:
    """What the currency field of a step is built from; empty when the step moves no money."""
    step = drafts.step_of(draft, step_id) or {}
    _, action = _app_and_action(hub, step)
    value = (step.get("inputs") or {}).get(action.money[1]) if action and action.money else ""
    return value if isinstance(value, str) else ""
