"""View models of flows: a chain of cards, and what a flow asks for when it is switched on."""

from __future__ import annotations

from dataclasses import dataclass

from affluent.catalog import Catalog
from affluent.domain.flow import FlowDefinition
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.services.flows import samples
from affluent.services.flows.views import FlowDetail
from affluent.web.apps.schema_fields import SchemaField, fields_of
from affluent.web.formatting import phrases

TABS = {"": "Flow details", "activity": "Flow activity logs", "connections": "Flow connections", "versions": "Versions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One input field of a step and what it is built from."""

    field: SchemaField
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The trigger or one step of a flow, as a card of the chain."""

    id: str
    kind: str
    """trigger, or action."""
    number: int
    app: str
    app_title: str
    title: str
    text: str
    effect: str
    condition: str
    """As it was written."""
    condition_words: str
    skip_reason: str
    stops: bool
    """Whether a false condition ends the run."""
    mapped: tuple[Mapped, ...]
    sample: JSONValue
    """The trigger's payload, or the answer of the action."""
    is_installed: bool = True


def cards(definition: FlowDefinition, catalog: Catalog) -> tuple[Card, ...]:
    """The cards of a flow, the trigger first."""
    return (_trigger_card(definition, catalog), *_step_cards(definition, catalog))


def _trigger_card(definition: FlowDefinition, catalog: Catalog) -> Card:
    use = definition.trigger
    app = catalog.apps.get(use.app)
    trigger = app.triggers.get(use.trigger) if app else None
    options = fields_of(trigger.options.model_json_schema() if trigger and trigger.options else None)
    return Card(
        id="trigger",
        kind="trigger",
        number=0,
        app=use.app,
        app_title=app.title if app else use.app,
        title=trigger.title if trigger else use.trigger,
        text=phrases.first_line(trigger.description) if trigger else "This trigger is not installed.",
        effect="",
        condition=use.condition,
        condition_words=phrases.condition(use.condition),
        skip_reason=use.skip_reason,
        stops=True,
        mapped=_mapped(options, use.options),
        sample=samples.trigger_payload(catalog, use.app, use.trigger),
        is_installed=trigger is not None,
    )


def _step_cards(definition: FlowDefinition, catalog: Catalog) -> tuple[Card, ...]:
    step_cards = []
    for number, step in enumerate(definition.steps, start=1):
        app, action = samples.found(catalog, step)
        fields = fields_of(action.input.model_json_schema() if action else None)
        step_cards.append(
            Card(
                id=step.id,
                kind="action",
                number=number,
                app=step.app,
                app_title=app.title if app else step.app,
                title=step.title or (action.title if action else step.action),
                text=phrases.first_line(action.description) if action else "This action is not installed.",
                effect=action.effect.value if action else "",
                condition=step.condition,
                condition_words=phrases.condition(step.condition),
                skip_reason=step.skip_reason,
                stops=step.on_condition_false == "stop",
                mapped=_mapped(fields, step.inputs),
                sample=samples.action_output(app, action) if app and action else {},
                is_installed=action is not None,
            )
        )
    return tuple(step_cards)


def _mapped(fields: tuple[SchemaField, ...], values: JSONObject) -> tuple[Mapped, ...]:
    known = {field.name: field for field in fields}
    unknown = SchemaField(name="", title="", text="", kind="")
    return tuple(
        Mapped(field=known.get(name, unknown), source=value if isinstance(value, str) else repr(value))
        for name, value in values.items()
        if value not in (None, "")
    )


def said_by(detail: FlowDetail) -> str:
    """Where a flow stands, in words."""
    if detail.definition is None:
        return "Only a draft so far"
    enabled, all_of_them = detail.flow.enabled_connections, detail.flow.connections
    if not all_of_them:
        return "Not switched on yet"
    return f"On in {enabled} of {all_of_them} connections" if all_of_them > 1 else ("On" if enabled else "Off")
