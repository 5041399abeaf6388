"""Flows: what a version says. Immutable once published; the same model is the YAML, the API's and the editor's."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from affluent.kit.jsons import JSONObject, JSONValue

_MODEL = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
_IDENTIFIER = r"^[a-z][a-z0-9_]{0,39}$"


class FlowType(StrEnum):
    """Outbound starts with a Togai trigger, Inbound with another app's."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Visibility(StrEnum):
    """Public flows are shipped, Private ones made here."""

    PUBLIC = "public"
    PRIVATE = "private"


class TriggerUse(BaseModel):
    """Which trigger starts the flow."""

    model_config = _MODEL

    app: str = Field(description="App key, e.g. togai.")
    trigger: str = Field(description="Trigger key of that app, e.g. invoice_paid.")
    options: JSONObject = Field(default_factory=dict, description="Fields of the trigger, e.g. a schedule's cron line.")
    condition: str = Field("", description="Expression; false: the event starts no step and the run is skipped.")
    skip_reason: str = Field("", description="What the run says when the condition is false.")


class Column(BaseModel):
    """A column of a table input."""

    model_config = _MODEL

    key: str = Field(pattern=_IDENTIFIER, description="Name of the column in expressions.")
    title: str = Field(description="Heading shown to people.")


class FlowInput(BaseModel):
    """A value that the flow asks for when it is connected."""

    model_config = _MODEL

    key: str = Field(pattern=_IDENTIFIER, description="Name in expressions: inputs.<key>.")
    title: str = Field(description="Label shown to people.")
    description: str = Field("", description="One line of help.")
    type: Literal["text", "number", "boolean", "choice", "table"] = Field("text", description="What may be entered.")
    choices: tuple[str, ...] = Field((), description="The values of a choice.")
    columns: tuple[Column, ...] = Field((), description="The columns of a table.")
    required: bool = Field(default=False, description="Whether the connection can be saved without it.")
    default: JSONValue = Field(None, description="Used when nothing is entered.")


class Step(BaseModel):
    """One action with its mapping."""

    model_config = _MODEL

    id: str = Field(pattern=_IDENTIFIER, description="Name in expressions: steps.<id>.")
    app: str = Field(description="App key.")
    action: str = Field(description="Action key of that app.")
    title: str = Field("", description="Shown instead of the action's title.")
    condition: str = Field("", description="Expression; false: the step is skipped and the next one runs.")
    skip_reason: str = Field("", description="What the step says when its condition is false.")
    inputs: JSONObject = Field(default_factory=dict, description="Input field → text with {{ expression }}.")
    on_not_applicable: Literal["stop", "continue"] = Field(
        "stop",
        description="What follows when the vendor says there is nothing to do: end the run as skipped, or go on.",
    )
    on_condition_false: Literal["stop", "continue"] = Field("continue", description="What follows a false condition.")


class FlowDefinition(BaseModel):
    """Everything a flow version says."""

    model_config = _MODEL

    key: str = Field(
        "", pattern=r"^[a-z0-9_]{0,60}$", description="Stable key of a shipped flow; empty for private flows."
    )
    name: str = Field(min_length=3, max_length=120, description="Shown in lists.")
    description: str = Field("", max_length=2000, description="What it does, for people.")
    type: FlowType = Field(description="inbound or outbound.")
    trigger: TriggerUse
    inputs: tuple[FlowInput, ...] = Field((), description="Values asked for when it is connected.")
    steps: tuple[Step, ...] = Field((), max_length=50, description="Run one after another.")
    tracks_money_of: str = Field(
        "",
        description="Name of the money it tracks; two enabled flows of one name on one connection would track it twice.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        outbound = self.trigger.app == "togai"
        if outbound != (self.type is FlowType.OUTBOUND):
            raise ValueError(
                "type: an Outbound flow starts with a Togai trigger, an Inbound flow with another app's trigger; "
                f"this one starts with {self.trigger.app}"
            )
        ids = [step.id for step in self.steps]
        doubled = sorted({step_id for step_id in ids if ids.count(step_id) > 1})
        if doubled:
            raise ValueError(f"steps: two steps are called {doubled[0]!r}; give each its own id")
        return self

    def apps(self) -> tuple[str, ...]:
        """The apps of trigger and steps, each once, in step order."""
        return tuple(dict.fromkeys([self.trigger.app, *(step.app for step in self.steps)]))
