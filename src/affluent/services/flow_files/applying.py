"""Carries out a file in one transaction, thing by thing, and says what that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from affluent.catalog import Catalog
from affluent.domain.diff import changes as flow_changes
from affluent.domain.flow import FlowDefinition
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.sdk import App
from affluent.services.connections.credentials import Credentials, opened, secret_fields, validated
from affluent.services.connections.owners import new_owner
from affluent.services.connections.service import Connections
from affluent.services.errors import Conflict, Invalid, NotFound, ServiceError
from affluent.services.flow_files.model import FileConnection, FileFlowConnection, FlowFile, reference
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.inputs import checked_inputs
from affluent.services.flows.service import Flows
from affluent.services.names import checked_name
from affluent.store import connections as connection_store
from affluent.store import flow_connections as link_store
from affluent.store import flows as flow_store
from affluent.store.audit.recording import who_acts
from affluent.vault.envelope import Vault

_LONGEST_SHOWN = 120


class Work:
    """One file at work in one transaction."""

    def __init__(
        self,
        connection: Connection,
        *,
        catalog: Catalog,
        vault: Vault,
        connections: Connections,
        flows: Flows,
        flow_connections: FlowConnections,
        author: str,
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._vault = vault
        self._connections = connections
        self._flows = flows
        self._links = flow_connections
        self._author = author
        self._rows = {reference(row.app, row.name): row for row in connection_store.all_rows(connection)}
        self.changes: list[tuple[str, bool, tuple[str, ...]]] = []
        """(what, whether it is new, what changed in words)."""
        self.attention: list[str] = []
        self.untested: list[str] = []
        self.hook_secrets: dict[str, str] = {}

    def do(self, file: FlowFile) -> None:
        """All of it; raises ServiceError with the thing's name in the message."""
        seen: set[str] = set()
        for connected in file.connections:
            what = f"Connection {reference(connected.app, connected.name)}"
            self._one(what, seen, lambda what=what, item=connected: self._put_connection(what, item))
        for definition in file.flows:
            what = f"Flow “{definition.name}”"
            self._one(what, seen, lambda what=what, item=definition: self._put_flow(what, item))
        # What is switched off goes first: it may make room for what would track the same money.
        for link in sorted(file.flow_connections, key=lambda item: item.enabled):
            what = f"Flow connection “{link.name}” of {link.flow}"
            self._one(what, seen, lambda what=what, item=link: self._put_link(what, item))

    def _one(self, what: str, seen: set[str], put: Any) -> None:  # noqa: ANN401 - a lambda with its defaults
        if what in seen:
            raise Invalid(f"{what} is in the files twice.")
        seen.add(what)
        try:
            put()
        except ServiceError as error:
            error.message = f"{what}: {error.field + ': ' if error.field else ''}{error.message}"
            error.args = (error.message,)
            raise

    def _put_connection(self, what: str, item: FileConnection) -> None:
        app = self._catalog.apps.get(item.app)
        if app is None:
            raise Invalid(self._catalog.missing(item.app), field="app")
        row = self._rows.get(reference(item.app, item.name))
        held = opened(self._vault, row.secrets, row.id) if row is not None else {}
        credentials, lacking = _checked(app, item.fields, held)
        plain = credentials.plain if credentials else item.fields
        is_local = app.is_local(credentials.model) if credentials else None
        limit = {"limit_requests": item.limit.requests, "limit_seconds": item.limit.seconds} if item.limit else {}
        limits: dict[str, Any] = {"limit_requests": None, "limit_seconds": None, **limit}
        if row is None:
            self._new_connection(what, item, plain, lacking, limits)
            return
        values, texts = _connection_changes(row, item, plain, limits)
        if not texts:
            return
        if "fields" in values:
            self._check_move(app, row, held, credentials, plain)
        self._connections.put(self._connection, row, {**values, "updated_at": clock.now()}, is_local=is_local)
        if "version" in values and not lacking:
            self.untested.append(row.id)
        self.changes.append((what, False, tuple(texts)))

    def _check_move(
        self, app: App, row: Row[Any], held: JSONObject, credentials: Credentials | None, plain: JSONObject
    ) -> None:
        """Refuse to send stored secrets to another address; a file cannot bring new ones."""
        if credentials is not None:
            field = self._connections.moved_field(app, {**row.fields, **held}, credentials)
        else:  # without all its secrets nobody can tell where it would send the others
            field = next((name for name in (*plain, *row.fields) if plain.get(name) != row.fields.get(name)), "")
        if field:
            how = f" Secrets do not belong in files: run affluent connections update {row.id} --field {field}=… --secrets."
            self._connections.check_move(self._connection, row, field, tuple(held), how=how)

    def _new_connection(
        self, what: str, item: FileConnection, plain: JSONObject, lacking: list[str], limits: dict[str, Any]
    ) -> None:
        connection_id, now = new_id("con"), clock.now()
        reason = f"Enter its secrets: {', '.join(lacking)}." if lacking else ""
        status = "disabled" if item.disabled else "needs_attention" if lacking else "active"
        values = {
            "id": connection_id,
            "app": item.app,
            "name": checked_name(item.name),
            "fields": plain,
            "secrets": self._vault.seal(dumps({}).encode(), f"connections/{connection_id}"),
            "version": 1,
            "status": status,
            "status_reason": reason,
            "owner_id": new_owner(who_acts(self._connection)),
            "tested_at": None,
            "created_at": now,
            "updated_at": now,
        }
        self._rows[reference(item.app, item.name)] = connection_store.add(self._connection, values | limits)
        if lacking:
            self.attention.append(f"{what} waits for its secrets ({', '.join(lacking)}).")
        else:
            self.untested.append(connection_id)
        self.changes.append((what, True, tuple(_differences("", {}, plain))))

    def _put_flow(self, what: str, definition: FlowDefinition) -> None:
        if definition.key:
            raise Invalid("Ready-made flows are not changed by files; remove the key to make it your own.", field="key")
        flow_id = self._flow_id(definition.name, is_needed=False)
        row = flow_store.one(self._connection, flow_id) if flow_id else None
        before = FlowDefinition.model_validate(row.definition) if row is not None and row.definition else None
        if before == definition:
            return
        texts = flow_changes(before, definition)
        if row is not None and row.draft is not None:
            texts = (*texts, "The draft that someone has kept of it is replaced.")
        self.attention += self._flows.put(self._connection, flow_id, definition, author=self._author)
        self.changes.append((what, row is None, texts))

    def _put_link(self, what: str, item: FileFlowConnection) -> None:
        flow_id = self._flow_id(item.flow)
        bindings = {place: self._connection_id(place, name) for place, name in item.connections.items()}
        matches = [
            row for row in link_store.all_rows(self._connection) if (row.flow_id, row.name) == (flow_id, item.name)
        ]
        if len(matches) > 1:
            raise Conflict("There are two of this name; rename one of them.")
        if not matches:
            made = self._links.add(
                self._connection,
                flow_id=flow_id,
                name=item.name,
                bindings=bindings,
                inputs=item.inputs,
                enabled=item.enabled,
            )
            if made.hook_secret:
                self.hook_secrets[what] = made.hook_secret
            self.changes.append((what, True, () if item.enabled else ("It is disabled.",)))
            return
        row = matches[0]
        texts = [
            *_differences("connection of ", self._named(row.bindings), item.connections),
            *_differences("inputs.", row.inputs, self._inputs(flow_id, item)),
        ]
        if row.enabled != item.enabled:
            texts.append("It is enabled." if item.enabled else "It is disabled.")
        if texts:
            self._links.put(self._connection, row.id, bindings=bindings, inputs=item.inputs, enabled=item.enabled)
            self.changes.append((what, False, tuple(texts)))

    def _inputs(self, flow_id: str, item: FileFlowConnection) -> JSONObject:
        row = flow_store.one(self._connection, flow_id)
        if row is None or row.definition is None:
            return item.inputs
        return checked_inputs(FlowDefinition.model_validate(row.definition), item.inputs)

    def _named(self, bindings: dict[str, str]) -> JSONObject:
        names = {row.id: name for name, row in self._rows.items()}
        return {place: names.get(value, value) for place, value in bindings.items() if value}

    def _connection_id(self, place: str, name: str) -> str:
        row = self._rows.get(name)
        if row is None:
            raise NotFound(f"There is no connection {name!r}; write app/name.", field=f"connections.{place}")
        return str(row.id)

    def _flow_id(self, name: str, *, is_needed: bool = True) -> str:
        ids = [flow_id for flow_id, known in flow_store.names(self._connection).items() if known == name]
        if len(ids) > 1:
            raise Conflict(f"Two flows are called {name!r}; rename one of them.", field="flow")
        if not ids and is_needed:
            raise NotFound(f"There is no flow {name!r}.", field="flow")
        return ids[0] if ids else ""


def _connection_changes(
    row: Row[Any], item: FileConnection, plain: JSONObject, limits: Mapping[str, JSONValue]
) -> tuple[dict[str, Any], list[str]]:
    """The columns of a connection that a file changes, and the changes in words."""
    texts = [*_differences("", row.fields, plain)]
    values: dict[str, Any] = {"fields": plain, "version": row.version + 1, "tested_at": None} if texts else {}
    if {name: getattr(row, name) for name in limits} != limits:
        values |= limits
        texts.append(f"Its own request limit is now {_limit(item)}.")
    if item.disabled != (row.status == "disabled"):
        status, reason = ("disabled", "Disabled by a file.") if item.disabled else ("active", "")
        values |= {"status": status, "status_reason": reason}
        texts.append(f"It is {'disabled' if item.disabled else 'enabled'}.")
    return values, texts


def _checked(app: App, fields: JSONObject, held: JSONObject) -> tuple[Credentials | None, list[str]]:
    """The credentials, or else the secrets that are required and not here."""
    secret = secret_fields(app.credentials) if app.credentials else ()
    given = next((name for name in fields if name in secret), "")
    if given:
        raise Invalid("This is a secret and does not belong in a file.", field=f"fields.{given}")
    try:
        return validated(app, {**fields, **held}), []
    except Invalid as error:
        wrong = {field for field, _ in error.problems}
        lacking = [name for name in secret if name not in held and f"fields.{name}" in wrong]
        if not lacking or wrong - {f"fields.{name}" for name in lacking}:
            raise
        return None, lacking


def _limit(item: FileConnection) -> str:
    return f"{item.limit.requests} requests in {item.limit.seconds} seconds" if item.limit else "that of the app"


def _differences(prefix: str, before: JSONObject, after: JSONObject) -> Iterator[str]:
    for name in (*before, *(name for name in after if name not in before)):
        old, new = before.get(name), after.get(name)
        if old == new or (old in (None, "") and new in (None, "")):
            continue
        if new in (None, ""):
            yield f"{prefix}{name} removed (it was {_shown(old)})."
        elif old in (None, ""):
            yield f"{prefix}{name} is {_shown(new)}."
        else:
            yield f"{prefix}{name} is now {_shown(new)} (it was {_shown(old)})."


def _shown(value: Any) -> str:  # noqa: ANN401 - a JSON value
    text = value if isinstance(value, str) else dumps(value)
    return f"“{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}”"
