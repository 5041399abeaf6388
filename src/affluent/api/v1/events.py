"""`/events` and `/deliveries`: what arrived."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit
from affluent.services.paging import Page, page_of
from affluent.services.runs.events import DeliveryView, EventDetail, EventView

routes = router("Events")
Exactly = Annotated[str, Query(max_length=300, description="Empty matches all.")]


@routes.get("/events", summary="List events", **needs("events:read", 422))
async def find(
    hub: Hub,
    *,
    app: Exactly = "",
    type: Exactly = "",  # noqa: A002 - the word of the API
    account_id: Exactly = "",
    external_id: Exactly = "",
    limit: Limit = 50,
    after: After = "",
) -> Page[EventView]:
    """Newest first."""
    events = await hub.events.find(
        app=app, event_type=type, account_id=account_id, external_id=external_id, limit=limit + 1, before=after
    )
    return page_of(events, limit, key=lambda item: item.id, view=lambda item: item)


@routes.get("/events/{event_id}", summary="Show an event", **needs("events:read", 404))
async def show(hub: Hub, event_id: str) -> EventDetail:
    """Payload and runs."""
    return await hub.events.get(event_id)


@routes.get("/deliveries", summary="List webhook deliveries", **needs("events:read", 422))
async def deliveries(
    hub: Hub, flow_connection_id: Exactly = "", verdict: Exactly = "", limit: Limit = 50, after: After = ""
) -> Page[DeliveryView]:
    """Newest first, the refused ones too."""
    received = await hub.events.deliveries(
        flow_connection_id=flow_connection_id, verdict=verdict, limit=limit + 1, before=after
    )
    return page_of(received, limit, key=lambda item: item.id, view=lambda item: item)
