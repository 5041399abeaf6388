"""`/journal`: the money journal as a file for accounting products and hledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.domain.money.exports import Format
from affluent.settings import account_names

routes = router("Journal")


@routes.get(
    "/journal",
    summary="Export the money journal",
    response_class=Response,
    **needs("reconciliation:read", 422, files=("text/csv", "text/plain")),
)
async def export(
    hub: Hub,
    form: Annotated[Format, Query(alias="format", description="The product that reads the file.")],
    first: Annotated[date | None, Query(alias="from", description="First day; default: the beginning.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day; default: today.")] = None,
    currency: Annotated[
        str, Query(max_length=3, description="Only this currency; xero and tally need it where there are several.")
    ] = "",
) -> Response:
    """Every entry is one journal, balanced in its currency, under a number that stays the same."""
    accounts = account_names((await hub.options.current()).journal_accounts)
    file = await hub.money_journal.export(form, first=first, last=last, currency=currency, accounts=accounts)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.text, media_type=file.media_type, headers=headers)
