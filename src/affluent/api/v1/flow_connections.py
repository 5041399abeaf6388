"""`/flow-connections`: flows switched on."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from affluent.api.auth import Caller
from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit
from affluent.api.v1.schemas import FlowConnectionChange, NewFlowConnection, Rotation, TriggerNow
from affluent.domain.event import Accepted
from affluent.services.flows.flow_connection_views import FlowConnectionView, NewHookSecret
from affluent.services.identity.scopes import grants
from affluent.services.identity.tokens import TokenView
from affluent.services.paging import Page

routes = router("Flow connections")
_ONE = "/flow-connections/{flow_connection_id}"
OfFlow = Annotated[str, Query(max_length=60, description="Of this flow; empty matches all.")]
Using = Annotated[str, Query(max_length=60, description="Using this connection; empty matches all.")]


@routes.get("/flow-connections", summary="List flow connections", **needs("flows:read", 422))
async def find(
    hub: Hub,
    caller: Caller,
    *,
    flow_id: OfFlow = "",
    connection_id: Using = "",
    enabled: bool | None = None,
    limit: Limit = 50,
    after: After = "",
) -> Page[FlowConnectionView]:
    """Oldest first. The address of a webhook is shown to those who may change flows."""
    page = await hub.flow_connections.list(
        flow_id=flow_id, connection_id=connection_id, enabled=enabled, limit=limit, after=after
    )
    return replace(page, items=tuple(_shown(caller, link) for link in page.items))


@routes.post("/flow-connections", status_code=201, summary="Connect a flow", **needs("flows:write", 404, 409, 413, 422))
async def create(hub: Hub, body: NewFlowConnection, response: Response) -> NewHookSecret:
    """A webhook secret, when there is one, is in this answer and never shown again."""
    made = await hub.flow_connections.create(
        flow_id=body.flow_id,
        name=body.name,
        bindings=body.bindings,
        inputs=body.inputs,
        enabled=body.enabled,
    )
    response.headers["Location"] = f"flow-connections/{made.flow_connection.id}"
    return made


@routes.get(_ONE, summary="Show a flow connection", **needs("flows:read", 404))
async def show(hub: Hub, caller: Caller, flow_connection_id: str) -> FlowConnectionView:
    """Bindings, inputs, webhook URL; its last part is shown to those who may change flows."""
    return _shown(caller, await hub.flow_connections.get(flow_connection_id))


@routes.patch(_ONE, summary="Change a flow connection", **needs("flows:write", 404, 409, 413, 422))
async def update(hub: Hub, flow_connection_id: str, body: FlowConnectionChange) -> FlowConnectionView:
    """Name, all bindings, all inputs."""
    return await hub.flow_connections.update(
        flow_connection_id, name=body.name, bindings=body.bindings, inputs=body.inputs
    )


@routes.delete(_ONE, status_code=204, summary="Remove a flow connection", **needs("flows:write", 404))
async def remove(hub: Hub, flow_connection_id: str) -> None:
    """Its unfinished runs are cancelled; its history stays."""
    await hub.flow_connections.remove(flow_connection_id)


@routes.post(f"{_ONE}/enable", summary="Enable a flow connection", **needs("flows:write", 404, 409, 422))
async def enable(hub: Hub, flow_connection_id: str) -> FlowConnectionView:
    """New events start runs."""
    return await hub.flow_connections.enable(flow_connection_id)


@routes.post(f"{_ONE}/disable", summary="Disable a flow connection", **needs("flows:write", 404))
async def disable(hub: Hub, flow_connection_id: str) -> FlowConnectionView:
    """New events start no runs."""
    return await hub.flow_connections.disable(flow_connection_id)


@routes.post(f"{_ONE}/trigger", status_code=202, summary="Trigger now", **needs("flows:write", 404, 409, 413, 422))
async def trigger(hub: Hub, flow_connection_id: str, body: TriggerNow) -> Accepted:
    """Starts one run of this flow connection; its id is in `run_ids`."""
    return await hub.flow_connections.trigger_now(flow_connection_id, body.payload)


@routes.post(f"{_ONE}/rotate-secret", summary="Rotate the webhook secret", **needs("flows:write", 404, 409, 413, 422))
async def rotate(hub: Hub, flow_connection_id: str, body: Rotation | None = None) -> NewHookSecret:
    """The one before is accepted until the next rotation, or until it is forgotten."""
    return await hub.flow_connections.rotate_secret(flow_connection_id, secret=body.secret if body else "")


@routes.post(f"{_ONE}/forget-old-secret", summary="Accept only the current secret", **needs("flows:write", 404, 409))
async def forget_old(hub: Hub, flow_connection_id: str) -> FlowConnectionView:
    """Ends a rotation."""
    return await hub.flow_connections.forget_old_secret(flow_connection_id)


def _shown(caller: TokenView, link: FlowConnectionView) -> FlowConnectionView:
    return link if grants(caller.scopes, "flows:write") else link.without_address()
