"""What a file of flows and connections says: the same model reads it, writes it and gives the JSON Schema."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from affluent.domain.flow import FlowDefinition
from affluent.kit.jsons import JSONObject

_MODEL = ConfigDict(extra="forbid", frozen=True)


class FileLimit(BaseModel):
    """The owner's own request limit."""

    model_config = _MODEL

    requests: int = Field(ge=1, le=1_000_000, description="Requests in the window.")
    seconds: int = Field(60, ge=1, le=86_400, description="Length of the window.")


class FileConnection(BaseModel):
    """A connection without its secrets: those are entered once, by hand, and never leave the vault."""

    model_config = _MODEL

    app: str = Field(description="App key, e.g. firstpromoter.")
    name: str = Field(min_length=1, max_length=120, description="Its name; with the app it says which one is meant.")
    fields: JSONObject = Field(default_factory=dict, description="The fields that are no secrets.")
    limit: FileLimit | None = Field(None, description="Instead of the app's own request limit.")
    disabled: bool = Field(default=False, description="Whether nothing is sent on it.")


class FileFlowConnection(BaseModel):
    """A flow switched on: which connection each place uses, and the answers to what the flow asks."""

    model_config = _MODEL

    flow: str = Field(description="Key of a ready-made flow, or name of a flow of your own.")
    name: str = Field(min_length=1, max_length=120, description="Its name; with the flow it says which one is meant.")
    enabled: bool = Field(default=True, description="Whether new events start runs.")
    connections: dict[str, str] = Field(
        default_factory=dict, description="Place (a step's id, or trigger) → app/name of a connection."
    )
    inputs: JSONObject = Field(default_factory=dict, description="What the flow asks for.")


class FlowFile(BaseModel):
    """Connections, flows and flow connections of an installation. What a file does not mention stays as it is."""

    model_config = _MODEL

    affluent: Literal[1] = Field(1, description="Version of this format.")
    connections: tuple[FileConnection, ...] = Field((), description="Connections, without secrets.")
    flows: tuple[FlowDefinition, ...] = Field((), description="Flows of your own; ready-made ones need no file.")
    flow_connections: tuple[FileFlowConnection, ...] = Field((), description="Flows switched on.")


def reference(app: str, name: str) -> str:
    """How a file names a connection."""
    return f"{app}/{name}"
