"""`/flow-connections/{id}/duties` and what people choose about them."""

from __future__ import annotations

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.api.v1.schemas import PollChoice
from affluent.sdk import PollOptions
from affluent.services.inbound.background_jobs import BackgroundJobView

routes = router("Flow connections")
_ONE = "/flow-connections/{flow_connection_id}"


@routes.get(f"{_ONE}/duties", summary="List what workers do for a flow connection", **needs("flows:read", 404))
async def duties(hub: Hub, flow_connection_id: str) -> list[BackgroundJobView]:
    """Polls, backfills, schedules, searches for missed webhooks, registrations: when next, and what happened last."""
    return list(await hub.background_jobs.list(flow_connection_id))


@routes.patch(f"{_ONE}/poll", summary="Change a poll", **needs("flows:write", 404, 409, 413, 422))
async def choose(hub: Hub, flow_connection_id: str, body: PollChoice) -> PollOptions:
    """Where it begins and how often it asks. Another beginning begins it anew; what started runs does not start them again."""
    return await hub.polls.choose(flow_connection_id, start=body.start, every_seconds=body.every_seconds)


@routes.post(f"{_ONE}/backfill", status_code=202, summary="Backfill", **needs("flows:write", 404, 409))
async def backfill(hub: Hub, flow_connection_id: str) -> list[BackgroundJobView]:
    """Walk once through everything the trigger can list, behind live traffic; its progress is among the duties."""
    await hub.polls.backfill(flow_connection_id)
    return list(await hub.background_jobs.list(flow_connection_id))
