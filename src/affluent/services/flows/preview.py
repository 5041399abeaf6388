"""Preview: what a flow would do with a sample or a past event, step by step. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from affluent.catalog import Catalog
from affluent.domain.expression import ExpressionError, shorten
from affluent.domain.flow import FlowDefinition, Step
from affluent.engine import expressions
from affluent.engine.plans import Bound, bind
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.services.errors import Invalid, NotFound
from affluent.services.flows import samples
from affluent.services.flows.checks import definition_of
from affluent.services.flows.problems import FlowProblem
from affluent.services.flows.rehearsal import Rehearsal, rehearse
from affluent.store import connections, flows
from affluent.store import events as event_store
from affluent.store.database import Database
from affluent.store.schema.types import readable
from affluent.vault.envelope import Vault

_NOTHING = Rehearsal(input={}, problems=(), request=None, output=None, sentence="")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStep:
    """What one step would do."""

    id: str
    title: str
    app: str
    action: str
    effect: str
    condition: str
    condition_met: bool | None
    """None: it has no condition, or the condition cannot be judged."""
    runs: bool
    """Whether it would be executed with this event."""
    input: JSONObject
    request: JSONObject | None
    """The first request exactly as it would be sent, secrets hidden: method, url, request {headers, body}."""
    assumed_output: JSONObject
    """The answer that later steps are previewed with."""
    problems: tuple[FlowProblem, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewResult:
    """What a flow would do. Nothing was sent."""

    nothing_is_sent: bool
    event: JSONObject
    payload: JSONObject
    inputs: JSONObject
    trigger_condition: str
    trigger_condition_met: bool | None
    steps: tuple[PreviewStep, ...]
    problems: tuple[FlowProblem, ...]
    """Of all steps, with their place in the definition, e.g. steps.0.inputs.amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a preview plays: the event or payload (neither: the trigger's sample), connections and inputs."""

    event_id: str = ""
    payload: JSONObject | None = None
    bindings: Mapping[str, str] | None = None
    inputs: JSONObject | None = None


class Preview:
    """Use cases of previews."""

    def __init__(self, *, database: Database, catalog: Catalog, vault: Vault, server_url: str) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._server_url = server_url

    async def of_draft(self, draft: JSONObject, scene: Scene | None = None) -> PreviewResult:
        """A preview of a definition. Raises Invalid when it cannot be read, NotFound for the event."""
        return await self._play(definition_of(draft), scene or Scene())

    async def of_flow(self, flow_id: str, scene: Scene | None = None, *, version: int | None = None) -> PreviewResult:
        """A preview of a version, of the draft when none is named, of the current version when there is no draft.

        Raises NotFound for the flow, the version or the event, Invalid when the draft cannot be read.
        """

        def unit(connection: Connection) -> JSONValue:
            row = flows.one(connection, flow_id)
            if row is None:
                raise NotFound(f"There is no flow {flow_id}.")
            if version is None:
                return row.draft if row.draft is not None else row.definition
            definition = flows.definition_of(connection, flow_id, version)
            if definition is None:
                raise NotFound(f"This flow has no version {version}.", field="version")
            return definition

        return await self.of_draft(await self._database.read(unit), scene)

    async def _play(self, definition: FlowDefinition, scene: Scene) -> PreviewResult:
        event, payload, bound = await self._database.read(
            lambda connection: self._setting(connection, definition, scene)
        )
        inputs = samples.flow_inputs(definition, scene.inputs)
        outputs: dict[str, JSONValue] = {}
        data: dict[str, JSONValue] = {"trigger": payload, "steps": outputs, "inputs": inputs, "event": event}
        met, problem = await _judged(definition.trigger.condition, data)
        problems = [FlowProblem(field="trigger.condition", message=problem)] if problem else []
        goes_on = met is not False
        steps: list[PreviewStep] = []
        for index, step in enumerate(definition.steps):
            shown, output = await self._step(step, bound.get(step.id), data, goes_on=goes_on)
            steps.append(shown)
            outputs[step.id] = output
            problems += [
                FlowProblem(field=f"steps.{index}.{item.field}", message=item.message, is_error=item.is_error)
                for item in shown.problems
            ]
            if goes_on and shown.condition_met is False and step.on_condition_false == "stop":
                goes_on = False
        return PreviewResult(
            nothing_is_sent=True,
            event=event,
            payload=payload,
            inputs=inputs,
            trigger_condition=definition.trigger.condition,
            trigger_condition_met=met,
            steps=tuple(steps),
            problems=tuple(problems),
        )

    async def _step(
        self, step: Step, bound: Bound | None, data: Mapping[str, JSONValue], *, goes_on: bool
    ) -> tuple[PreviewStep, JSONObject]:
        """One step, and what later steps see of it."""
        app, action = samples.found(self._catalog, step)
        met, problem = await _judged(step.condition, data)
        problems = [FlowProblem(field="condition", message=problem)] if problem else []
        played = _NOTHING
        assumed: JSONObject = {}
        if app is None or action is None:
            problems.append(
                FlowProblem(field="action", message=f"{step.app}.{step.action} is not installed or cannot be used.")
            )
        else:
            played = await rehearse(step, app, action, bound, data, server_url=self._server_url)
            assumed = played.output if isinstance(played.output, dict) else samples.action_output(app, action)
        runs = goes_on and met is not False
        shown = PreviewStep(
            id=step.id,
            title=step.title or (action.title if action else step.action),
            app=step.app,
            action=step.action,
            effect=action.effect.value if action else "",
            condition=step.condition,
            condition_met=met,
            runs=runs,
            input=played.input,
            request=played.request,
            assumed_output=assumed,
            problems=(*problems, *played.problems),
            sentence=played.sentence if runs else _why_not(step, met),
        )
        if met is False:
            return shown, {"outcome": "condition_false"}
        return shown, {**assumed, "outcome": samples.outcome_of(action) if action else ""}

    def _setting(
        self, connection: Connection, definition: FlowDefinition, scene: Scene
    ) -> tuple[JSONObject, JSONObject, dict[str, Bound]]:
        """The event, its payload, and the connections by step."""
        bound = self._bound(connection, definition, scene.bindings or {})
        if scene.event_id:
            return *_past_event(connection, scene.event_id), bound
        use = definition.trigger
        app = self._catalog.apps.get(use.app)
        trigger = app.triggers.get(use.trigger) if app else None
        payload = scene.payload
        if payload is None:
            payload = samples.trigger_payload(self._catalog, use.app, use.trigger)
        return _event("evt_preview", trigger.event if trigger else use.trigger, clock.now()), payload, bound

    def _bound(
        self, connection: Connection, definition: FlowDefinition, bindings: Mapping[str, str]
    ) -> dict[str, Bound]:
        """The connections by step; raises Invalid naming the binding that is wrong."""
        rows = connections.of_ids(connection, [value for value in bindings.values() if value])
        bound: dict[str, Bound] = {}
        for step in definition.steps:
            connection_id = bindings.get(step.id, "")
            row = rows.get(connection_id)
            if connection_id and (row is None or row.app != step.app):
                raise Invalid(f"There is no {step.app} connection {connection_id}.", field=f"bindings.{step.id}")
            if row is not None:
                bound[step.id] = bind(row, self._catalog.apps, self._vault)
        return bound


def _past_event(connection: Connection, event_id: str) -> tuple[JSONObject, JSONObject]:
    row = event_store.one(connection, event_id)
    if row is None:
        raise NotFound(f"There is no event {event_id}.", field="event_id")
    if row.forgotten_at is not None:
        raise NotFound(f"Retention took the payload of {event_id}. Choose a newer event.", field="event_id")
    return _event(row.id, row.type, row.occurred_at), readable(row.payload)


def _event(event_id: str, kind: str, occurred_at: datetime) -> JSONObject:
    return {"id": event_id, "type": kind, "occurred_at": occurred_at.isoformat()}


async def _judged(condition: str, data: Mapping[str, JSONValue]) -> tuple[bool | None, str]:
    """Whether a condition is met, and what is wrong with it."""
    if not condition:
        return None, ""
    try:
        met = await expressions.evaluate(condition, data)
    except ExpressionError as error:
        return None, f"The condition cannot be judged: {error}"
    if not isinstance(met, bool):
        return None, f"The condition gives {shorten(met)}; it must give true or false."
    return met, ""


def _why_not(step: Step, met: bool | None) -> str:  # noqa: FBT001 - the condition's result
    if met is False:
        return step.skip_reason or f"Condition not met: {step.condition}"
    return "Not reached: the flow ends before this step."
