"""Reading: a referral, a promoter, and any other call of the API."""

from __future__ import annotations

from urllib.parse import quote

from affluent.apps.firstpromoter import client, money, referrals
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.promoter_schemas import Promoter, promoter_of
from affluent.apps.firstpromoter.schemas import PromoterSearch, RawAnswer, RawCall
from affluent.sdk import App, AppError, Effect, NotApplicable, Rejected, Response


def declare(app: App) -> None:
    """Declare the reading actions and the raw call."""
    app.action(
        "find_referral",
        title="Find a referral",
        effect=Effect.READ,
        sample="find_referral.json",
        identifies={"referral": "referral_id", "promoter": "promoter_id"},
        answers={"200": "Found", "404": "Not referred: the run ends as skipped"},
        facts=money.looked_up,
    )(referrals.find_referral)
    app.action(
        "get_promoter",
        title="Get a promoter",
        effect=Effect.READ,
        sample="get_promoter.json",
        answers={"200": "Found", "404, 422": "There is no such promoter: the run ends as skipped"},
    )(get_promoter)
    app.action(
        "call_api",
        title="Call the API",
        effect=Effect.WRITE,
        sample="call_api.json",
        answers={
            "2xx": "Done; the answer is handed on",
            "4xx": "Refused: parked, with FirstPromoter's message",
            "no answer to a write": "Unknown: it cannot be looked up, so a person decides",
        },
    )(call_api)


async def get_promoter(ctx: Ctx, search: PromoterSearch) -> Promoter:
    """Get a promoter with balances and campaigns, by FirstPromoter's number, our own id, e-mail or referral id."""
    found = await find_promoter(ctx, search)
    if found is None:
        raise NotApplicable("FirstPromoter knows no such promoter.")
    return found


async def find_promoter(ctx: Ctx, search: PromoterSearch) -> Promoter | None:
    """The promoter, or None."""
    wanted = (
        ("id", "id", search.promoter_id),
        ("cust_id", "cust_id", search.cust_id),
        ("email", "promoter_email", search.email),
        ("ref_token", "ref_id", search.ref_id),
    )
    by, legacy, value = next((item for item in wanted if item[2]), ("", "", None))
    if not value:
        raise Rejected("Fill in the promoter id, customer id, e-mail or referral id.", field="promoter_id")
    faults = {404: _no_promoter, 422: _no_promoter}
    if client.is_v2(ctx.credentials):
        path = f"/company/promoters/{quote(str(value), safe='')}"
        response = await ctx.http.request(
            "GET", path, query={} if by == "id" else {"find_by": by}, faults=faults, is_read=True
        )
    else:
        response = await ctx.http.request("GET", "/promoters/show", query={legacy: value}, faults=faults, is_read=True)
    return promoter_of(client.document(response)) if response.ok else None


def _no_promoter(response: Response) -> AppError | None:
    """404 `not_found` and 422 `invalid_params` both mean that there is none."""
    return None if client.said(response) else client.wrong_address(response)


async def call_api(ctx: Ctx, call: RawCall) -> RawAnswer:
    """Call any address of the API with this connection's key, for what has no action of its own."""
    reads = call.method == "GET"
    if ".." in call.path.split("/"):
        raise Rejected("must not step out of the API with '..'.", field="path")
    if reads:
        response = await ctx.http.request("GET", call.path, query=call.query)
    else:
        path = client.with_query(call.path, call.query)
        response = await client.send(ctx, call.method, path, dict(call.body))
    return RawAnswer(status=response.status, body=response.json())
