"""`/payouts/check`: what of promoters' commissions should be paid, what should not, what was paid although it should not."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from fastapi.responses import Response

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.api.v1.schemas import Day
from affluent.services.money.payouts import PayoutCheckView, as_csv

routes = router("Payouts")


@routes.get(
    "/payouts/check",
    summary="Check a payout",
    response_model=PayoutCheckView,
    **needs("reconciliation:read", 404, 409, 422, files=("text/csv",)),
)
async def check(
    hub: Hub,
    connection: Annotated[
        str, Query(max_length=60, description="Connection to the tracker; may be left out where there is one.")
    ] = "",
    as_of: Annotated[Day | None, Query(description="Last day that counts; default: today.")] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> PayoutCheckView | Response:
    """Per promoter and currency: earned, pending, approved, held, to pay, paid; each commission that is held, with its reasons."""
    terms = await hub.options.current()
    checked = await hub.payouts.check(connection, as_of=as_of, hold_days=terms.payout_hold_days)
    if form == "json":
        return checked
    name = f'attachment; filename="payouts-{checked.as_of}.csv"'
    return Response(as_csv(checked), media_type="text/csv", headers={"Content-Disposition": name})
