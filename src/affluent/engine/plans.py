"""Plans: a flow version bound to connections, ready to execute. Read once and kept for a moment."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, Row, select

from affluent.domain.flow import FlowDefinition, Step
from affluent.kit.jsons import JSONObject, loads
from affluent.kit.timed_cache import TimedCache
from affluent.sdk import Action, App, Limit
from affluent.store import tables
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A connection as a step uses it."""

    id: str
    name: str
    version: int
    status: str
    status_reason: str
    credentials: BaseModel | None
    secrets: tuple[str, ...]
    limit: Limit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step with its app, action and connection."""

    step: Step
    app: App
    action: Action
    bound: Bound | None
    problem: str = ""
    """Why this step cannot be executed, e.g. its connection was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A flow version with the connections and inputs of a flow connection."""

    definition: FlowDefinition
    inputs: JSONObject
    steps: tuple[PlannedStep, ...]
    name: str


class PlanBroken(Exception):
    """The flow connection or the flow version is gone."""


class Plans:
    """Keeps plans for a second, so that a change of a connection is seen by every process soon after."""

    def __init__(self, database: Database, apps: Mapping[str, App], vault: Vault) -> None:
        self._database = database
        self._apps = apps
        self._vault = vault
        self._definitions: dict[tuple[str, int], FlowDefinition] = {}
        self._plans: TimedCache[tuple[str, int], Plan] = TimedCache(_FRESH_SECONDS)

    def forget(self) -> None:
        """Read all plans again, because a flow or a connection changed."""
        self._plans.forget()

    async def get(self, flow_connection_id: str, flow_id: str, flow_version: int) -> Plan:
        """The plan of a run; raises PlanBroken with a sentence."""

        def read() -> Awaitable[Plan]:
            return self._database.read(
                lambda connection: self._read(connection, flow_connection_id, flow_id, flow_version)
            )

        return await self._plans.get((flow_connection_id, flow_version), read)

    def _read(self, connection: Connection, flow_connection_id: str, flow_id: str, flow_version: int) -> Plan:
        link = connection.execute(
            select(tables.flow_connections).where(tables.flow_connections.c.id == flow_connection_id)
        ).one_or_none()
        if link is None:
            raise PlanBroken("The flow connection of this run was removed.")
        definition = self._definition(connection, flow_id, flow_version)
        ids = {value for value in link.bindings.values() if value}
        bound = {
            row.id: self.bind(row)
            for row in connection.execute(select(tables.connections).where(tables.connections.c.id.in_(ids)))
        }
        defaults = {item.key: item.default for item in definition.inputs}
        return Plan(
            definition=definition,
            inputs={**defaults, **{key: value for key, value in link.inputs.items() if value not in (None, "")}},
            steps=tuple(self.plan_step(step, bound.get(link.bindings.get(step.id, ""))) for step in definition.steps),
            name=link.name,
        )

    def _definition(self, connection: Connection, flow_id: str, number: int) -> FlowDefinition:
        known = self._definitions.get((flow_id, number))
        if known is None:
            versions = tables.flow_versions
            stored_definition = connection.execute(
                select(versions.c.definition).where(versions.c.flow_id == flow_id, versions.c.number == number)
            ).scalar()
            if stored_definition is None:
                raise PlanBroken(f"Version {number} of this flow does not exist.")
            known = self._definitions[(flow_id, number)] = FlowDefinition.model_validate(stored_definition)
        return known

    def plan_step(self, step: Step, bound: Bound | None) -> PlannedStep:
        """A step with what it needs, or with the problem that keeps it from running."""
        app = self._apps.get(step.app)
        action = app.actions.get(step.action) if app else None
        if app is None or action is None:
            raise PlanBroken(
                f"Step {step.id!r} uses {step.app}.{step.action}, which is not installed or cannot be used; see: affluent apps list"
            )
        problem = (
            ""
            if bound is not None or app.credentials is None or not app.needs_connection
            else f"Step {step.id!r} has no connection for {app.title}."
        )
        return PlannedStep(step=step, app=app, action=action, bound=bound, problem=problem)

    def bind(self, row: Row[Any]) -> Bound:
        """A connections row with its secrets opened."""
        return bind(row, self._apps, self._vault)


def bind(row: Row[Any], apps: Mapping[str, App], vault: Vault) -> Bound:
    """A connections row with its secrets opened; one that cannot be opened comes out needing attention."""
    app = apps.get(row.app)
    status, reason = row.status, row.status_reason
    credentials: BaseModel | None = None
    secrets: JSONObject = {}
    if app is None and status == "active":
        status, reason = "needs_attention", f"The app {row.app!r} is not installed or cannot be used."
    if app is not None and app.credentials is not None:
        try:
            secrets = loads(vault.open(row.secrets, f"connections/{row.id}"))
            credentials = app.credentials.model_validate({**row.fields, **secrets})
        except (CannotOpen, ValidationError) as error:
            status, reason = "needs_attention", f"The stored credentials cannot be used: {type(error).__name__}."
    limit = app.limit if app else None
    if row.limit_requests:
        limit = Limit(requests=row.limit_requests, per_seconds=row.limit_seconds or 60)
    return Bound(
        id=row.id,
        name=row.name,
        version=row.version,
        status=status,
        status_reason=reason,
        credentials=credentials,
        secrets=tuple(value for value in secrets.values() if isinstance(value, str) and value),
        limit=limit,
    )
