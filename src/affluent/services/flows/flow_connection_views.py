"""Flow connections as they are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from affluent.kit.jsons import JSONObject
from affluent.kit.redact import HIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConnectionView:
    """One activation of a flow."""

    id: str
    flow_id: str
    flow_name: str
    flow_version: int
    """The version that new runs execute: the flow's current one."""
    name: str
    enabled: bool
    bindings: dict[str, str]
    """Step id, or "trigger", → connection id."""
    needs: dict[str, str]
    """Step id, or "trigger", → app key, of the places that need a connection."""
    optional: dict[str, str]
    """Step id → app key, of the steps that may use a connection and work without one."""
    inputs: JSONObject
    trigger_app: str
    trigger_event: str
    trigger_source: str
    """Where its events come from: "workspace", a connection id, or its own id."""
    webhook_url: str
    """Where the vendor sends its webhooks; empty when the trigger is none. Its last part is hidden from those who may only
    read."""
    webhook_notice: str
    """What to know about its webhooks, e.g. that all are refused because there is no secret; empty: nothing."""
    has_hook_secret: bool
    """Whether webhooks are verified with a secret of this flow connection."""
    created_at: datetime
    updated_at: datetime

    def without_address(self) -> FlowConnectionView:
        """For those who may only read: the address alone can be enough to post an event."""
        base, _, token = self.webhook_url.rpartition("/")
        return replace(self, webhook_url=f"{base}/{HIDDEN}") if token else self


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHookSecret:
    """A flow connection with the secret that its webhooks are signed with; shown now and never again."""

    flow_connection: FlowConnectionView
    hook_secret: str
    """Empty when none was made."""

    def __repr__(self) -> str:
        return f"NewHookSecret(flow_connection={self.flow_connection!r})"


def flow_connection_view(
    row: Row[Any], *, needs: dict[str, str], optional: dict[str, str], webhook_url: str, webhook_notice: str
) -> FlowConnectionView:
    """A row of the list of flow connections."""
    return FlowConnectionView(
        id=row.id,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        flow_version=row.flow_version,
        name=row.name,
        enabled=row.enabled,
        bindings=row.bindings,
        needs=needs,
        optional=optional,
        inputs=row.inputs,
        trigger_app=row.trigger_app,
        trigger_event=row.trigger_event,
        trigger_source=row.trigger_source,
        webhook_url=webhook_url,
        webhook_notice=webhook_notice,
        has_hook_secret=row.hook_secrets is not None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
