"""What the API is sent. What it answers are the services' own views."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from affluent.kit.jsons import JSONObject


def _written(value: object) -> object:
    """A time as it is written, not the seconds of a clock that pydantic would take too."""
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value.lstrip("-")):
        return value
    raise ValueError("write a time with its zone, e.g. 2026-01-31T00:00:00Z")


Text = Annotated[str, Field(max_length=300)]
RunId = Annotated[str, Field(max_length=40)]
"""So short that a thousand of them fit into an address, whose size is bounded with the headers'."""
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]


def _written_day(value: object) -> object:
    """A day as it is written, not the seconds of a clock that pydantic would take too."""
    if isinstance(value, str) and "-" not in value.lstrip("-"):
        raise ValueError("write a day, e.g. 2026-01-31")
    return value


Day = Annotated[date, BeforeValidator(_written_day)]
_DRAFT: JSONObject = {
    "name": "Order when an invoice is paid",
    "type": "outbound",
    "trigger": {"app": "togai", "trigger": "invoice_paid"},
    "steps": [
        {
            "id": "sale",
            "app": "firstpromoter",
            "action": "track_sale",
            "inputs": {
                "uid": "{{ trigger.account.id }}",
                "event_id": "{{ trigger.invoice.id }}",
                "amount": "{{ minor_units(trigger.invoice.net, trigger.invoice.currency) }}",
            },
        }
    ],
}


class Sent(BaseModel):
    """Base: closed, with examples."""

    model_config = ConfigDict(extra="forbid")


class NewTokenRequest(Sent):
    """A token to generate."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Data warehouse", "scopes": ["runs:read", "events:read"]}]}
    )

    name: Text = Field(description="What it is for.")
    scopes: list[str] = Field(max_length=100, description="Scopes, e.g. invoices:read; the caller must hold each.")
    expires_at: Moment | None = Field(None, description="When it stops working; null: never.")
    networks: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="From where it may be used, e.g. 192.0.2.0/24; empty: anywhere.",
    )


class TokenRotation(Sent):
    """How a token gets a new secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86_400}]})

    overlap_seconds: int = Field(
        86_400, ge=0, le=2_592_000, description="How long the secret it has now stays good beside the new one."
    )


class OwnLimit(Sent):
    """A request limit of the owner's own."""

    requests: int = Field(ge=1, le=1_000_000, description="At most so many requests …")
    seconds: int = Field(60, ge=1, le=86_400, description="… in so many seconds.")


class NewConnection(Sent):
    """A connection to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"app": "firstpromoter", "name": "Main account", "fields": {"api_key": "…", "account_id": "1"}}
            ]
        }
    )

    app: Text = Field(description="App key.")
    name: Text = Field(description="Unique among the app's connections.")
    fields: JSONObject = Field(default_factory=dict, description="The app's credentials; see the app's own schema.")
    skip_test: StrictBool = Field(default=False, description="Save without asking the vendor.")


class ConnectionChange(Sent):
    """What to change of a connection; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"fields": {"api_key": "the new key"}}]})

    name: Text | None = Field(None, description="New name.")
    fields: JSONObject | None = Field(
        None, description="Credentials to change: a secret left empty is kept, null removes a field."
    )
    skip_test: StrictBool = Field(default=False, description="Save new credentials without asking the vendor.")
    limit: OwnLimit | None = Field(None, description="Own request limit; null: the app's.")


class NewFlow(Sent):
    """A private flow to create."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": _DRAFT, "publish": False}]})

    definition: JSONObject = Field(description="The definition; as a draft it may be unfinished.")
    publish: StrictBool = Field(default=False, description="Publish it at once as version 1; it must be valid then.")


class Draft(Sent):
    """A definition, valid or not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": _DRAFT}]})

    definition: JSONObject = Field(description="The definition.")


class Publication(Sent):
    """What is said about a new version."""

    note: Annotated[str, Field(max_length=2000)] = Field("", description="Why it was changed.")


class SceneRequest(Sent):
    """What a preview plays."""

    event_id: Text = Field("", description="A past event; empty: the payload or the trigger's sample.")
    payload: JSONObject | None = Field(None, description="A payload; null: the trigger's sample.")
    bindings: dict[str, str] | None = Field(None, description="Step id → connection id; without: stand-ins.")
    inputs: JSONObject | None = Field(None, description="The flow's inputs.")


class FlowPreview(SceneRequest):
    """A preview of a stored flow."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event_id": "evt_01KB9T7Q0000000000000000", "version": 2}]}
    )

    version: int | None = Field(None, ge=1, le=1_000_000, description="Version; null: the draft, else the current one.")


class DraftPreview(SceneRequest):
    """A preview of a definition."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": _DRAFT}]})

    definition: JSONObject = Field(description="The definition.")


class NewFlowConnection(Sent):
    """A flow to switch on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "flow_id": "flo_01KB9T7Q0000000000000000",
                    "name": "Production",
                    "bindings": {"trigger": "con_01KB9T7Q0000000000000000", "sale": "con_01KB9T7R0000000000000000"},
                    "inputs": {"default_plan": "PLAN-1"},
                }
            ]
        }
    )

    flow_id: Text = Field(description="The flow.")
    name: Text = Field(description="What people call it.")
    bindings: dict[str, str] = Field(default_factory=dict, description='Step id, or "trigger", → connection id.')
    inputs: JSONObject = Field(default_factory=dict, description="What the flow asks for.")
    enabled: StrictBool = Field(default=True, description="Whether events start runs from now on.")


class FlowConnectionChange(Sent):
    """What to change of a flow connection; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": {"default_plan": "PLAN-2"}}]})

    name: Text | None = Field(None, description="New name.")
    bindings: dict[str, str] | None = Field(None, description="All bindings.")
    inputs: JSONObject | None = Field(None, description="All inputs.")


class TriggerNow(Sent):
    """A payload to start a run with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"payload": {"invoice": {"id": "INV-2043"}}}]})

    payload: JSONObject = Field(description="As the trigger would give it.")


class PollChoice(Sent):
    """Where a poll begins and how often it asks; null leaves as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "everything", "every_seconds": 60}]})

    start: Literal["now", "everything"] | None = Field(
        None, description="now: only what is new; everything: all there is."
    )
    every_seconds: int | None = Field(None, ge=5, le=86_400, description="Seconds between two polls.")


class Rotation(Sent):
    """A new webhook secret."""

    secret: Annotated[str, Field(max_length=500)] = Field("", description="The vendor's secret; empty: one is made.")


class ReplayRequest(Sent):
    """How to replay a run."""

    version: int | None = Field(None, ge=1, le=1_000_000, description="Version of the flow; null: the current one.")


class RunSelection(Sent):
    """Which runs; what is left out matches all."""

    flow_id: Text = Field("", description="Of this flow.")
    flow_connection_id: Text = Field("", description="Of this flow connection.")
    connection_id: Text = Field("", description="Using this connection.")
    states: list[Text] = Field(default_factory=list, max_length=20, description="In one of these states.")
    account_id: Text = Field("", description="About this account.")
    event_id: Text = Field("", description="Of this event.")
    cause: Text = Field("", description="Stopped for this cause.")
    text: Text = Field(
        "",
        description="Title or sentence contains this; or it is the id of a run, an event, an account, a customer, an invoice or"
        " of any system.",
    )
    since: Moment | None = Field(None, description="Created at or after.")
    until: Moment | None = Field(None, description="Created before.")
    ids: list[RunId] = Field(default_factory=list, max_length=1000, description="One of these.")


class BulkRequest(Sent):
    """An action for many runs. Without any condition nothing is done: say `everything` to mean all."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "resume", "runs": {"states": ["failed"], "cause": "rejected"}}]}
    )

    action: Literal["resume", "replay", "cancel"] = Field(description="What to do.")
    runs: RunSelection = Field(description="To which runs.")
    everything: StrictBool = Field(default=False, description="Confirms that no condition means all runs.")


class Done(BaseModel):
    """How many were changed."""

    count: int = Field(description="How many.", examples=[37])


class SavedAt(BaseModel):
    """When a draft was saved."""

    saved_at: datetime = Field(description="When.")
