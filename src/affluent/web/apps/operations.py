"""What an app starts and does, as its page lists it: made once per process, since the catalogue does not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from markupsafe import Markup

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.services.connections.apps import ActionView, AppDetail, TriggerView, app_detail
from affluent.web.app import WebApp
from affluent.web.apps.schema_fields import SchemaField, fields_of

KINDS = {"triggers": "trigger", "actions": "action"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something to unfold: fields, a sample or answers. The list names it, a page of its own has it."""

    key: str
    title: str
    label: str
    number: int = 0
    fields: tuple[SchemaField, ...] = ()
    sample: JSONValue = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A trigger or an action of an app, with the parts that can be unfolded."""

    key: str
    title: str
    text: str
    address: str
    badge: str
    """How a trigger is started, or what an action's effect is."""
    event: str
    parts: tuple[Part, ...]


@dataclass(slots=True, kw_only=True)
class Operations:
    """The triggers and actions of one app."""

    detail: AppDetail
    by_kind: Mapping[str, tuple[Operation, ...]]
    credentials: tuple[SchemaField, ...]
    drawn: dict[str, Markup] = field(default_factory=dict)
    """The lists as they are shown, by kind."""


_KNOWN: WeakKeyDictionary[WebApp, dict[str, Operations]] = WeakKeyDictionary()


def operations_of(web_app: WebApp, key: str) -> Operations:
    """All that an app can do; raises NotFound."""
    known = _KNOWN.setdefault(web_app, {})
    if key not in known:
        known[key] = _read(app_detail(web_app.hub.catalog, key))
    return known[key]


def drawn(web_app: WebApp, key: str, kind: str) -> Markup:
    """The list of an app's triggers or actions."""
    operations = operations_of(web_app, key)
    if kind not in operations.drawn:
        text = web_app.templates.get_template("apps/operations.html").render(
            operations=operations.by_kind[kind], kind=kind
        )
        operations.drawn[kind] = Markup(text)  # noqa: S704 - rendered with autoescape
    return operations.drawn[kind]


def _read(detail: AppDetail) -> Operations:
    address = f"/apps/{detail.app.key}"
    return Operations(
        detail=detail,
        by_kind={
            "triggers": tuple(_trigger(trigger, f"{address}/triggers/{trigger.key}") for trigger in detail.triggers),
            "actions": tuple(_action(action, f"{address}/actions/{action.key}", detail) for action in detail.actions),
        },
        credentials=fields_of(detail.credentials),
    )


def _trigger(trigger: TriggerView, address: str) -> Operation:
    parts = (
        *_fields("options", "Options", trigger.title, trigger.options),
        *_fields("fields", "Fields", trigger.title, trigger.output),
        *_sample("Trigger payload", trigger.title, trigger.sample),
    )
    return Operation(
        key=trigger.key,
        title=trigger.title,
        text=trigger.description,
        address=address,
        badge=trigger.kind,
        event=trigger.event,
        parts=parts,
    )


def _action(action: ActionView, address: str, detail: AppDetail) -> Operation:
    answers = Part(
        key="answers",
        title="Answers",
        label=f"Answers of {detail.app.title} to {action.title}",
        number=len(action.answers),
        answers=action.answers,
    )
    parts = (
        *_fields("fields", "Fields", action.title, action.input),
        *_fields("output", "Output", action.title, action.output),
        *_sample("Action payload", action.title, action.sample),
        *((answers,) if action.answers else ()),
    )
    text = action.description.split("\n\n")[0].replace("\n", " ")
    return Operation(
        key=action.key, title=action.title, text=text, address=address, badge=action.effect, event="", parts=parts
    )


def _fields(key: str, title: str, of: str, schema: JSONObject | None) -> tuple[Part, ...]:
    fields = fields_of(schema)
    return (Part(key=key, title=title, label=f"{title} of {of}", number=len(fields), fields=fields),) if fields else ()


def _sample(title: str, of: str, sample: JSONValue) -> tuple[Part, ...]:
    return () if sample is None else (Part(key="payload", title=title, label=f"Sample of {of}", sample=sample),)
