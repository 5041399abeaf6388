"""`/connections`: credentials for apps."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Response

from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit, Search
from affluent.api.v1.schemas import ConnectionChange, NewConnection
from affluent.services.connections.health import ConnectionHealth
from affluent.services.connections.views import ConnectionTest, ConnectionView
from affluent.services.paging import Page

routes = router("Connections")
Status = Annotated[Literal["", "active", "needs_attention", "disabled"], Query(description="Empty matches all.")]
OfApp = Annotated[str, Query(max_length=60, description="App key; empty matches all.")]


@routes.get("/connections", summary="List connections", **needs("connections:read", 422))
async def find(
    hub: Hub, app: OfApp = "", status: Status = "", search: Search = "", limit: Limit = 50, after: After = ""
) -> Page[ConnectionView]:
    """Oldest first, with where each is used. Secrets are named, never shown."""
    return await hub.connections.list(app=app, status=status, search=search, limit=limit, after=after)


@routes.post(
    "/connections", status_code=201, summary="Create a connection", **needs("connections:write", 409, 413, 422)
)
async def create(hub: Hub, body: NewConnection, response: Response) -> ConnectionView:
    """The vendor is asked first; its refusal is put on the field to blame."""
    made = await hub.connections.create(app=body.app, name=body.name, fields=body.fields, skip_test=body.skip_test)
    response.headers["Location"] = f"connections/{made.id}"
    return made


@routes.get("/connections/{connection_id}", summary="Show a connection", **needs("connections:read", 404))
async def show(hub: Hub, connection_id: str) -> ConnectionView:
    """One connection with where it is used."""
    return await hub.connections.get(connection_id)


@routes.get(
    "/connections/{connection_id}/health", summary="Show how a connection fares", **needs("connections:read", 404)
)
async def health(hub: Hub, connection_id: str) -> ConnectionHealth:
    """Calls and failures of the last 24 hours by the hour, oldest first."""
    known = await hub.health.last_day()
    return known[(await hub.connections.get(connection_id)).id]


@routes.patch(
    "/connections/{connection_id}", summary="Change a connection", **needs("connections:write", 404, 409, 413, 422)
)
async def update(hub: Hub, connection_id: str, body: ConnectionChange) -> ConnectionView:
    """Rename it, change or rotate its credentials, set an own limit. Runs that waited for it go on."""
    view = await hub.connections.update(connection_id, name=body.name, fields=body.fields, skip_test=body.skip_test)
    if "limit" in body.model_fields_set:
        limit = body.limit
        view = await hub.connections.set_limit(
            connection_id, requests=limit.requests if limit else None, seconds=limit.seconds if limit else None
        )
    return view


@routes.post("/connections/{connection_id}/test", summary="Test a connection", **needs("connections:write", 404))
async def test(hub: Hub, connection_id: str) -> ConnectionTest:
    """Ask the vendor now. `ok` says whether it accepted the credentials; accepted ones end `needs_attention`."""
    return await hub.connections.test(connection_id)


@routes.post("/connections/{connection_id}/disable", summary="Disable a connection", **needs("connections:write", 404))
async def disable(hub: Hub, connection_id: str) -> ConnectionView:
    """Nothing is sent on it any more; its runs wait."""
    return await hub.connections.disable(connection_id)


@routes.post("/connections/{connection_id}/enable", summary="Enable a connection", **needs("connections:write", 404))
async def enable(hub: Hub, connection_id: str) -> ConnectionView:
    """Its runs go on."""
    return await hub.connections.enable(connection_id)


@routes.delete(
    "/connections/{connection_id}",
    status_code=204,
    summary="Delete a connection",
    **needs("connections:write", 404, 409),
)
async def delete(hub: Hub, connection_id: str) -> None:
    """Refused while a flow connection uses it."""
    await hub.connections.delete(connection_id)
