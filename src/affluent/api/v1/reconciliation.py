"""`/reconciliation`: statements of a period, their lines, exports, closed periods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import ConfigDict, Field
from starlette.responses import StreamingResponse

from affluent.api.auth import Caller
from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit
from affluent.api.v1.schemas import Sent
from affluent.kit.jsons import dumps
from affluent.services.paging import Page
from affluent.services.reconciliation import csv_export as reconciliation_csv
from affluent.services.reconciliation.repair import Repaired, RepairPlan
from affluent.services.reconciliation.views import LineView, StatementView

routes = router("Reconciliation")
_READ, _WRITE = "reconciliation:read", "reconciliation:write"
_FILES = ("text/csv", "application/x-ndjson")


class NewStatement(Sent):
    """The days to reconcile."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-11-01", "to": "2026-11-30", "zone": "Asia/Kolkata"}]}
    )

    first: date = Field(alias="from", description="First day.")
    last: date = Field(alias="to", description="Last day.")
    zone: str = Field("UTC", max_length=64, description="Time zone of the days, e.g. Asia/Kolkata.")


class LinesToRepair(Sent):
    """Which lines."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lines": [1, 7]}]})

    lines: list[int] = Field(default_factory=list, max_length=500, description="Numbers; none: all that are open.")


@routes.post("/reconciliation", status_code=202, summary="Reconcile a period", **needs(_WRITE, 409, 413, 422))
async def begin(hub: Hub, caller: Caller, body: NewStatement) -> StatementView:
    """Books are read in the background; ask for the statement to see how far it is."""
    return await hub.reconciliation.begin(body.first, body.last, zone=body.zone, author=caller.name)


@routes.get("/reconciliation", summary="List statements", **needs(_READ, 422))
async def find(hub: Hub, limit: Limit = 50, after: After = "") -> Page[StatementView]:
    """Newest first."""
    statements = await hub.reconciliation.find(limit=limit, after=after)
    return Page(items=tuple(statements), next=statements[-1].id if len(statements) == limit else "")


@routes.get("/reconciliation/{statement_id}", summary="Show a statement", **needs(_READ, 404))
async def show(hub: Hub, statement_id: str) -> StatementView:
    """Figures, totals per class, paid invoices by day, and the snapshots it rests on."""
    return await hub.reconciliation.get(statement_id)


@routes.get("/reconciliation/{statement_id}/lines", summary="List comparisons", **needs(_READ, 404, 422))
async def lines(
    hub: Hub,
    statement_id: str,
    name: Annotated[list[str] | None, Query(alias="class", description="Classes; none: all but matched.")] = None,
    leg: Annotated[str, Query(max_length=20, description="sale, refund, commission, payment, payment_refund.")] = "",
    limit: Limit = 50,
    after: Annotated[str, Query(max_length=300, description="`next` of the page before.")] = "",
) -> Page[LineView]:
    """With class=matched alone, the matched ones; otherwise those that are not."""
    comparisons, following = await hub.reconciliation.lines(
        statement_id, names=name or (), leg=leg, limit=limit, after=after
    )
    return Page(items=tuple(comparisons), next=following)


@routes.get(
    "/reconciliation/{statement_id}/export", summary="Export all comparisons", **needs(_READ, 404, 422, files=_FILES)
)
async def export(
    hub: Hub, statement_id: str, form: Annotated[Literal["csv", "json"], Query(alias="format")] = "csv"
) -> StreamingResponse:
    """Every line, matched ones too: CSV, or one JSON object per line."""
    await hub.reconciliation.get(statement_id)

    async def written() -> AsyncIterator[str]:
        if form == "csv":
            yield reconciliation_csv.header()
        async for lines in hub.reconciliation.everything(statement_id):
            yield reconciliation_csv.rows(lines) if form == "csv" else "".join(f"{dumps(line)}\n" for line in lines)

    media = "text/csv" if form == "csv" else "application/x-ndjson"
    name = f'attachment; filename="{statement_id}.{form}"'
    return StreamingResponse(written(), media_type=media, headers={"Content-Disposition": name})


@routes.post(
    "/reconciliation/{statement_id}/repair/preview", summary="Preview a repair", **needs(_READ, 404, 409, 413, 422)
)
async def preview(hub: Hub, statement_id: str, body: LinesToRepair) -> RepairPlan:
    """Every call that would be made, under which id, and the money it moves. Nothing is sent."""
    return await hub.repair.preview(statement_id, body.lines)


@routes.post(
    "/reconciliation/{statement_id}/repair", status_code=202, summary="Repair", **needs(_WRITE, 404, 409, 413, 422)
)
async def repair(hub: Hub, caller: Caller, statement_id: str, body: LinesToRepair) -> Repaired:
    """Make the calls through runs. Asked for twice, nothing is done twice."""
    return await hub.repair.apply(statement_id, body.lines, author=caller.name)


@routes.post("/reconciliation/{statement_id}/lock", summary="Close the period", **needs(_WRITE, 404, 409))
async def lock(hub: Hub, caller: Caller, statement_id: str) -> StatementView:
    """It is not reconciled or repaired again until it is opened."""
    return await hub.reconciliation.lock(statement_id, author=caller.name)


@routes.post("/reconciliation/{statement_id}/unlock", summary="Open the period again", **needs(_WRITE, 404))
async def unlock(hub: Hub, statement_id: str) -> StatementView:
    """A closed period can be changed again."""
    return await hub.reconciliation.unlock(statement_id)
