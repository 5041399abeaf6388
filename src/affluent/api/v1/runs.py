"""`/runs`: what was executed, and what can be done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit
from affluent.api.v1.schemas import BulkRequest, Done, ReplayRequest, RunSelection
from affluent.domain.run import RunState
from affluent.services.errors import Invalid
from affluent.services.paging import Page
from affluent.services.runs.service import BulkAction, Forecast, RunPage
from affluent.services.runs.views import Cause, RunDetail, RunView
from affluent.store.runs import RunFilter

routes = router("Runs")


class RunQuery(RunSelection):
    """Which runs, and which page of them."""

    limit: Limit = 50
    after: After = ""


@routes.get("/runs", summary="List runs", **needs("runs:read", 422))
async def find(hub: Hub, query: Annotated[RunQuery, Query()]) -> RunPage:
    """Newest first. With a text a page may be short, even empty, and still have a `next`, which looks further back."""
    return await hub.runs.page(_filter(query), limit=query.limit, after=query.after)


@routes.get("/runs/causes", summary="Group what needs attention", **needs("runs:read"))
async def causes(hub: Hub) -> Page[Cause]:
    """Failed, unknown, paused and waiting runs by cause, largest group first."""
    return Page(items=tuple(await hub.runs.causes()))


@routes.post("/runs/forecast", summary="Forecast a bulk action", **needs("runs:read", 413, 422))
async def forecast(hub: Hub, body: BulkRequest) -> Forecast:
    """What it would do and send. Nothing is done."""
    return await hub.runs.forecast(_filter(body.runs), BulkAction(body.action))


@routes.post("/runs/bulk", summary="Resume, replay or cancel many", **needs("runs:write", 413, 422))
async def bulk(hub: Hub, body: BulkRequest) -> Done:
    """Done to every run of the selection that allows it."""
    selected = _filter(body.runs)
    if selected == RunFilter() and not body.everything:
        raise Invalid(
            "The selection is empty, which means all runs. Say everything: true to mean it.", field="everything"
        )
    return Done(count=await hub.runs.bulk(selected, BulkAction(body.action)))


@routes.get("/runs/{run_id}", summary="Inspect a run", **needs("runs:read", 404))
async def show(hub: Hub, run_id: str) -> RunDetail:
    """Every step with its attempts, input, output; the effects of its event; other runs of it."""
    return await hub.runs.get(run_id)


@routes.post("/runs/{run_id}/resume", summary="Resume a run", **needs("runs:write", 404, 409))
async def resume(hub: Hub, run_id: str) -> RunView:
    """From the step where it stands; at once, also when it would wait."""
    return await hub.runs.resume(run_id)


@routes.post(
    "/runs/{run_id}/replay", status_code=201, summary="Replay a run", **needs("runs:write", 404, 409, 413, 422)
)
async def replay(hub: Hub, run_id: str, body: ReplayRequest | None = None) -> RunView:
    """A new run of the same event. Effects that were applied are not repeated."""
    return await hub.runs.replay(run_id, version=body.version if body else None)


@routes.post("/runs/{run_id}/cancel", summary="Cancel a run", **needs("runs:write", 404, 409))
async def cancel(hub: Hub, run_id: str) -> RunView:
    """One that is executing stops after its current step."""
    return await hub.runs.cancel(run_id)


def _filter(selection: RunSelection) -> RunFilter:
    unknown = [state for state in selection.states if state not in tuple(RunState)]
    if unknown:
        raise Invalid(f"There is no state {unknown[0]!r}; there are {', '.join(RunState)}.", field="states")
    return RunFilter(
        flow_id=selection.flow_id,
        flow_connection_id=selection.flow_connection_id,
        connection_id=selection.connection_id,
        states=tuple(selection.states),
        account_id=selection.account_id,
        event_id=selection.event_id,
        cause=selection.cause,
        text=selection.text,
        since=selection.since,
        until=selection.until,
        ids=tuple(selection.ids),
    )
