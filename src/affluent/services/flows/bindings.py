"""Bindings: which connection each step of a flow uses, and what follows for the events it listens to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from affluent.catalog import Catalog
from affluent.domain.flow import FlowDefinition
from affluent.engine.plans import bind
from affluent.sdk import App, Effect
from affluent.services.connections.event_source import TRIGGER, source_of
from affluent.services.connections.owners import owners, refuse_without_rights
from affluent.services.errors import Invalid
from affluent.store import connections as store
from affluent.vault.envelope import Vault

ByPlace = dict[str, str]
"""Place (a step's id, or "trigger") → something of that place."""


class Bindings:
    """Judges bindings against a flow's definition and the apps."""

    def __init__(self, *, catalog: Catalog, vault: Vault) -> None:
        self._catalog = catalog
        self._vault = vault

    def needed(self, definition: FlowDefinition) -> ByPlace:
        """The places that need a connection, with the key of the app it must be of."""
        used = {TRIGGER: definition.trigger.app, **_apps_of_steps(definition)}
        return {place: key for place, key in used.items() if self._has_credentials(key) and self._needs(key)}

    def optional(self, definition: FlowDefinition) -> ByPlace:
        """The steps that may use a connection and work without one, with the key of the app it must be of."""
        steps = _apps_of_steps(definition).items()
        return {place: key for place, key in steps if self._has_credentials(key) and not self._needs(key)}

    def checked(self, connection: Connection, definition: FlowDefinition, bindings: Mapping[str, str]) -> ByPlace:
        """The bindings, complete; raises Invalid with one problem per place, as `bindings.<place>`."""
        needed = self._wanted(definition, bindings)
        rows = store.of_ids(connection, [value for value in bindings.values() if value])
        problems: list[tuple[str, str]] = []
        of = owners(connection, rows.values())
        for place, value in bindings.items():
            if value and place not in needed:
                problems.append((f"bindings.{place}", self._why_unneeded(definition, place)))
        for place, key in needed.items():
            value = bindings.get(place, "")
            problem = self._problem(key, value, rows) or (of[value].problem if value in of else "")
            if problem:
                problems.append((f"bindings.{place}", problem))
        if problems:
            raise Invalid(problems[0][1], field=problems[0][0], problems=problems)
        return {place: bindings[place] for place in needed}

    def refuse_without_rights(self, connection: Connection, bindings: Mapping[str, str]) -> None:
        """Raise Conflict when nothing new may begin on one of the connections."""
        refuse_without_rights(connection, bindings.values())

    def adopted(self, connection: Connection, definition: FlowDefinition, bindings: Mapping[str, str]) -> ByPlace:
        """The bindings that fit a new version: kept where they fit, and filled where the app has one connection here."""
        needed = self._wanted(definition, bindings)
        rows = store.of_ids(connection, [value for value in bindings.values() if value])
        fitting = {
            place: bindings[place]
            for place in needed
            if not self._problem(needed[place], bindings.get(place, ""), rows)
        }
        for place, key in needed.items():
            known = {row.id for row in rows.values() if row.app == key}
            if place not in fitting and len(known) == 1:
                fitting[place] = known.pop()
        return fitting

    def trigger_columns(
        self, connection: Connection, definition: FlowDefinition, bindings: Mapping[str, str], flow_connection_id: str
    ) -> dict[str, str]:
        """Which events start the flow: the columns trigger_app, trigger_event and trigger_source."""
        use = definition.trigger
        app = self._catalog.apps.get(use.app)
        trigger = app.triggers.get(use.trigger) if app else None
        if app is None or trigger is None:
            reason = self._catalog.missing(use.app) if app is None else f"{app.title} has no trigger {use.trigger!r}."
            raise Invalid(f"The trigger {use.app}.{use.trigger} is not installed. {reason}", field="flow_id")
        connection_id = bindings.get(TRIGGER, "")
        row = store.one(connection, connection_id) if connection_id else None
        return {
            "trigger_app": use.app,
            "trigger_event": trigger.event,
            "trigger_source": source_of(
                connection_id=connection_id,
                is_local=row is not None and self._is_local(app, row),
                flow_connection_id=flow_connection_id,
            ),
        }

    def tracking(self, definition: FlowDefinition, bindings: Mapping[str, str]) -> set[str]:
        """The connections on which a flow tracks money: those of the steps whose action moves money, else of all writes."""
        writes = [step for step in definition.steps if self._effect(step.app, step.action) is not Effect.READ]
        moving = [step for step in writes if self._moves_money(step.app, step.action)]
        return {bindings[step.id] for step in moving or writes if bindings.get(step.id)}

    def _problem(self, key: str, value: str, rows: Mapping[str, Row[Any]]) -> str:
        title = self._catalog.apps[key].title
        if not value:
            return f"Choose a {title} connection."
        row = rows.get(value)
        if row is None:
            return f"There is no connection {value}."
        if row.app != key:
            return f"{row.name} is a connection of {row.app}; this place needs one of {title}."
        return ""

    def _why_unneeded(self, definition: FlowDefinition, place: str) -> str:
        known = [TRIGGER, *(step.id for step in definition.steps)]
        if place in known:
            return "This place needs no connection."
        return f"This flow has no step {place!r}; its places are {', '.join(known)}."

    def _wanted(self, definition: FlowDefinition, bindings: Mapping[str, str]) -> ByPlace:
        """The places that need a connection, and the optional ones that were given one."""
        chosen = {place: key for place, key in self.optional(definition).items() if bindings.get(place)}
        return {**self.needed(definition), **chosen}

    def _needs(self, key: str) -> bool:
        app = self._catalog.apps.get(key)
        return app is not None and app.needs_connection

    def _has_credentials(self, key: str) -> bool:
        app = self._catalog.apps.get(key)
        return app is not None and app.credentials is not None

    def _is_local(self, app: App, row: Row[Any]) -> bool:
        credentials = bind(row, self._catalog.apps, self._vault).credentials
        return credentials is not None and app.is_local(credentials)

    def _effect(self, app: str, action: str) -> Effect:
        declared = self._catalog.apps.get(app)
        known = declared.actions.get(action) if declared else None
        return known.effect if known else Effect.READ

    def _moves_money(self, app: str, action: str) -> bool:
        declared = self._catalog.apps.get(app)
        known = declared.actions.get(action) if declared else None
        return known is not None and known.money is not None


def missing(needed: Mapping[str, str], bindings: Mapping[str, str]) -> Sequence[str]:
    """The places that need a connection and have none."""
    return [place for place in needed if not bindings.get(place)]


def _apps_of_steps(definition: FlowDefinition) -> ByPlace:
    return {step.id: step.app for step in definition.steps}
