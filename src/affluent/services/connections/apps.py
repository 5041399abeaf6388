"""Apps as they are shown: what each needs, starts and does, with schemas and samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from affluent.catalog import BrokenApp, Catalog
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue
from affluent.sdk import Action, App, Category, Trigger
from affluent.services.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """An app as the catalogue lists it."""

    key: str
    title: str
    description: str
    category: str
    glyph: str
    needs_connection: bool
    triggers: int
    actions: int
    package: str = ""
    """Of an app that cannot be used: the package that declares it."""
    error: str = ""
    """Why the app cannot be used; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """What starts a flow."""

    key: str
    title: str
    description: str
    kind: str
    event: str
    options: JSONObject | None
    """JSON Schema of the fields a flow sets on it."""
    output: JSONObject | None
    """JSON Schema of what it hands out."""
    sample: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """What a step does."""

    key: str
    title: str
    description: str
    effect: str
    input: JSONObject
    """JSON Schema of its input."""
    output: JSONObject | None
    """JSON Schema of its output."""
    sample: JSONValue
    answers: Mapping[str, str]
    """What the vendor's answers lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDetail:
    """An app with all it can do."""

    app: AppView
    key_help: str
    credentials: JSONObject | None
    """JSON Schema of a connection's fields; null: it needs no connection. Fields of format "password" are secrets."""
    triggers: tuple[TriggerView, ...]
    actions: tuple[ActionView, ...]


def apps(catalog: Catalog, search: str = "") -> tuple[AppView, ...]:
    """The apps of the catalogue, by title."""
    text = search.strip().lower()
    shown = [app for app in catalog.apps.values() if not app.hidden]
    return tuple(_app(app) for app in shown if text in f"{app.title} {app.key} {app.description}".lower())


def broken_apps(catalog: Catalog, search: str = "") -> tuple[AppView, ...]:
    """The installed apps that cannot be used, with why."""
    text = search.strip().lower()
    return tuple(_broken(app) for app in catalog.broken if text in f"{app.key} {app.package}".lower())


def app_detail(catalog: Catalog, key: str) -> AppDetail:
    """One app; raises NotFound."""
    app = catalog.apps.get(key)
    broken = next((item for item in catalog.broken if item.key == key), None)
    if app is None and broken is not None:
        return AppDetail(app=_broken(broken), key_help="", credentials=None, triggers=(), actions=())
    if app is None:
        raise NotFound(f"There is no app {key!r}.")
    return AppDetail(
        app=_app(app),
        key_help=app.key_help,
        credentials=_schema(app.credentials),
        triggers=tuple(_trigger(app, trigger) for trigger in app.triggers.values()),
        actions=tuple(_action(app, action) for action in app.actions.values()),
    )


def _app(app: App) -> AppView:
    return AppView(
        key=app.key,
        title=app.title,
        description=app.description,
        category=app.category.value,
        glyph=app.glyph,
        needs_connection=app.credentials is not None and app.needs_connection,
        triggers=len(app.triggers),
        actions=len(app.actions),
    )


def _broken(app: BrokenApp) -> AppView:
    return AppView(
        key=app.key,
        title=app.key,
        description="",
        category=Category.UTILITY.value,
        glyph="box",
        needs_connection=False,
        triggers=0,
        actions=0,
        package=app.package,
        error=app.error,
    )


def _trigger(app: App, trigger: Trigger) -> TriggerView:
    return TriggerView(
        key=trigger.key,
        title=trigger.title,
        description=trigger.description,
        kind=trigger.kind.value,
        event=trigger.event,
        options=_schema(trigger.options),
        output=_schema(trigger.output),
        sample=_sample(app, trigger.sample),
    )


def _action(app: App, action: Action) -> ActionView:
    return ActionView(
        key=action.key,
        title=action.title,
        description=action.description,
        effect=action.effect.value,
        input=action.input.model_json_schema(),
        output=_schema(action.output),
        sample=_sample(app, action.sample),
        answers=action.answers,
    )


def _schema(model: type[BaseModel] | None) -> JSONObject | None:
    return model.model_json_schema() if model is not None else None


def _sample(app: App, name: str) -> JSONValue:
    try:
        return app.sample(name) if name else None
    except (OSError, InvalidJSON):
        return None
