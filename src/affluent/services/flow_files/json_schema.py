"""The JSON Schema of files of flows, with every app's triggers, actions and fields, for completion in an editor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from affluent.catalog import Catalog
from affluent.kit.jsons import JSONObject
from affluent.sdk import Action, App, Trigger
from affluent.services.connections.credentials import secret_fields
from affluent.services.flow_files.model import FlowFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema(catalog: Catalog) -> JSONObject:
    """The schema of this installation's catalogue."""
    schema: JSONObject = FlowFile.model_json_schema()
    parts = schema["$defs"]
    apps = [app for app in catalog.apps.values() if not app.hidden]
    _add_triggers(parts["TriggerUse"], [app for app in apps if app.triggers])
    _add_actions(parts["Step"], [app for app in apps if app.actions])
    connected = [app for app in apps if app.credentials is not None]
    parts["FileConnection"]["properties"]["app"] |= {"enum": [app.key for app in connected]}
    parts["FileConnection"]["allOf"] = list(_fields(connected))
    return {"$schema": _DIALECT, **schema, "title": "Affluent: flows and connections as a file"}


def _add_triggers(part: JSONObject, apps: Sequence[App]) -> None:
    part["properties"]["app"] |= {"enum": [app.key for app in apps]}
    part["allOf"] = [_choice(app, "trigger", list(app.triggers.values())) for app in apps] + [
        _when(app.key, "trigger", trigger.key, "options", trigger.options)
        for app in apps
        for trigger in app.triggers.values()
    ]


def _add_actions(part: JSONObject, apps: Sequence[App]) -> None:
    part["properties"]["app"] |= {"enum": [app.key for app in apps]}
    part["allOf"] = [_choice(app, "action", list(app.actions.values())) for app in apps] + [
        _when(app.key, "action", action.key, "inputs", action.input) for app in apps for action in app.actions.values()
    ]


def _choice(app: App, name: str, known: list[Trigger] | list[Action]) -> JSONObject:
    kinds = [{"const": item.key, "title": item.title, "description": _first(item.description)} for item in known]
    return _if({"app": app.key}, {name: {"oneOf": kinds}})


def _when(app: str, kind: str, key: str, place: str, model: type[BaseModel] | None) -> JSONObject:
    """What may stand in the fields of one operation. Any field may hold an expression instead of its type."""
    properties = {name: _text(name, model) for name in model.model_fields} if model else {}
    shape = {"type": "object", "properties": properties, "additionalProperties": False}
    return _if({"app": app, kind: key}, {place: shape})


def _fields(apps: list[App]) -> Iterator[JSONObject]:
    for app in apps:
        model = app.credentials
        secret = secret_fields(model) if model else ()
        properties = {name: _text(name, model) for name in (model.model_fields if model else ()) if name not in secret}
        shape = {"type": "object", "properties": properties, "additionalProperties": False}
        yield _if({"app": app.key}, {"fields": shape})


def _if(given: dict[str, str], then: JSONObject) -> JSONObject:
    condition = {name: {"const": value} for name, value in given.items()}
    return {"if": {"properties": condition, "required": list(condition)}, "then": {"properties": then}}


def _text(name: str, model: type[BaseModel] | None) -> JSONObject:
    field = model.model_fields[name] if model else None
    title = field.title if field and field.title else name
    return {"title": title, "description": (field.description if field else "") or ""}


def _first(text: str) -> str:
    return text.splitlines()[0] if text else ""
