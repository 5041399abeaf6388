"""Where a connection's requests go: once that changes, no stored secret goes along, and only its owner may change it.

A stored secret was entered for one address. Whoever may change connections but does not know the secret could otherwise
have it sent to an address of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row

from affluent.kit.actor import Actor
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import App
from affluent.services.connections.credentials import Credentials, secret_fields, validated
from affluent.services.errors import Forbidden, Invalid
from affluent.services.identity.authority import answers_for, is_administrator

_BASE = ""
"""Stands for the base URL, which an app makes of several fields."""
_PORTS = {"http": 80, "https": 443}


def moved_field(app: App, before: JSONObject, after: Credentials, server_url: str) -> str:
    """The field whose change sends requests elsewhere (another scheme, host or port); empty when they stay.

    `before` holds the fields and secrets that are stored.
    """
    try:
        # A secret that cannot be opened any more cannot leak either; the new one takes its place in the comparison.
        stored = validated(app, {**after.secrets, **before})
    except Invalid as error:
        return error.field.removeprefix("fields.")
    old, new = _destinations(app, stored, server_url), _destinations(app, after, server_url)
    changed = [name for name in (*new, *old) if old.get(name) != new.get(name)]
    named = [name for name in changed if name != _BASE]
    if named or not changed:
        return named[0] if named else ""
    plain = (name for name in after.plain if after.plain[name] != stored.plain.get(name))
    return next(plain, "base_url")


def refuse_strangers(connection: Connection, row: Row[Any], actor: Actor, *, field: str) -> None:
    """Raise Forbidden unless the actor owns the connection or has an administrator's rights."""
    is_owner = row.owner_id is not None and row.owner_id == answers_for(actor)
    if not is_owner and not is_administrator(connection, actor):
        raise Forbidden(
            f"This changes where {row.name} sends its requests. Only its owner or an administrator may do that; ask one of"
            " them.",
            field=f"fields.{field}",
        )


def refuse_kept(app: App, kept: Sequence[str], *, field: str, how: str = "") -> None:
    """Raise Invalid with one problem per stored secret that a change of the address would take along."""
    if not kept:
        return
    why = (
        f"{_title(app, field)} (the field {field}) changes where requests go, and what is stored is not sent elsewhere."
    )
    problems = [(f"fields.{name}", f"Enter {_title(app, name)} anew: {why}{how}") for name in kept]
    raise Invalid(problems[0][1], field=problems[0][0], problems=problems)


def secrets_kept(app: App, held: JSONObject, changes: JSONObject) -> tuple[str, ...]:
    """The stored secrets that a change neither replaces nor removes. A previous one is forgotten with its successor."""
    secret = secret_fields(app.credentials) if app.credentials else ()
    kept = (name for name in secret if name in held and not _is_given(name, changes))
    return tuple(name for name in kept if name.removeprefix("previous_") not in set(secret) - {name})


def _is_given(name: str, changes: JSONObject) -> bool:
    if name not in changes:
        return False
    value = changes[name]
    return not isinstance(value, str) or bool(value.strip())


def _destinations(app: App, given: Credentials, server_url: str) -> dict[str, JSONValue]:
    """Field → where it sends requests, for those that do."""
    destinations: dict[str, JSONValue] = {}
    values: JSONObject = {**given.plain, **given.secrets}
    for name, value in values.items():
        if name in app.address_fields:
            destinations[name] = value
        elif origins := [_origin(text) for text in _texts(value) if "://" in text]:
            destinations[name] = list(origins)
    destinations[_BASE] = _origin(app.base_url(given.model, server_url))
    return destinations


def _texts(value: JSONValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _origin(url: str) -> str:
    """Scheme, host and port of a URL; the whole text when it cannot be told for certain what a client makes of it."""
    if "\\" in url or not url.isascii() or not url.isprintable() or " " in url:
        return url
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else url


def _title(app: App, name: str) -> str:
    field = app.credentials.model_fields.get(name) if app.credentials else None
    return (field.title if field else None) or name
