"""FirstPromoter: the declaration of the app."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.firstpromoter import (
    books,
    client,
    commissions,
    lookups,
    promo_codes,
    promoters,
    referral_actions,
    tracking,
    webhooks,
    webhooks_api,
)
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.schemas import Credentials
from affluent.apps.firstpromoter.triggers import TRIGGERS
from affluent.sdk import App, Category, Limit, Response
from affluent.sdk.errors import AppError

app = App(
    key="firstpromoter",
    title="FirstPromoter",
    description="Affiliate tracking: credits the promoter who referred a customer, for sign-ups and for every paid invoice.",
    category=Category.MARKETING,
    folder=Path(__file__).parent,
    credentials=Credentials,
    base_url=client.base_url,
    headers=client.headers,
    limit=Limit(requests=400, per_seconds=60),
    faults={
        401: client.refused_key,
        403: client.forbidden,
        **dict.fromkeys((301, 302, 303, 307, 308, 405), client.wrong_address),
    },
    glyph="megaphone",
    key_help="FirstPromoter → Settings → Integrations → Manage API keys. A new key is shown once; the Account ID stands beside it.",
    webhook=webhooks.SCHEME,
    registration=webhooks_api.REGISTRATION,
    books=books.BOOKS,
    shared_identities=frozenset({"promoter"}),
)


@app.test
async def test(ctx: Ctx) -> str:
    """Read one promoter: cheap, and it proves key, account and address."""
    path = "/company/promoters" if client.is_v2(ctx.credentials) else "/promoters/list"
    response = await ctx.http.request("GET", path, query={"per_page": 1}, faults={404: _not_the_api})
    if not isinstance(response.json(), (list, dict)):
        raise client.wrong_address(response)
    if client.is_v2(ctx.credentials):
        return f"The key works with API v2, account {ctx.credentials.account_id}."
    return "The key works with the legacy API v1. Add the Account ID and a v2 key to use API v2."


def _not_the_api(response: Response) -> AppError:
    return client.wrong_address(response)


app.triggers_are(TRIGGERS)
for part in (tracking, lookups, promoters, referral_actions, commissions, promo_codes):
    part.declare(app)
