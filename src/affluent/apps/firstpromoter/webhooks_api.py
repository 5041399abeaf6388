"""Webhooks made by API v2 (`/company/webhooks`), so that nobody has to copy an address.

A delivery may be signed with the key that the answer to the creation alone contains, or not at all (sources disagree), so
each webhook also carries a secret of ours in a header. A webhook of our address that is there already is made anew, because
the key it was created with cannot be read.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from affluent.apps.firstpromoter import client
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.webhooks import SHARED
from affluent.kit.jsons import JSONObject
from affluent.sdk import AppError, NotApplicable, Registered, Registration, Response

_PATH = "/company/webhooks"
_PAGE = 25
_MOST_PAGES = 40
_RETRIES = 10
_TIMEOUT_SECONDS = 30
_ALL_CAMPAIGNS = [1]


async def register(ctx: Ctx, url: str, events: Sequence[str]) -> Registered:
    """Make a webhook of these events for every campaign; one of the same address gives way."""
    for old in await _of_address(ctx, url):
        await unregister(ctx, {"id": old["id"]})
    shared = secrets.token_urlsafe(32)
    body: JSONObject = {
        "url": url,
        "event_types": list(events),
        "active": True,
        "campaign_ids": _ALL_CAMPAIGNS,
        "timeout": _TIMEOUT_SECONDS,
        "max_retries": _RETRIES,
        "headers": {SHARED.title(): shared},
        "description": "Affluent",
    }
    made = client.document(await ctx.http.request("POST", _PATH, json=body))
    signing = made.get("secret_key")
    known = [shared, *([signing] if isinstance(signing, str) and signing else [])]
    return Registered(state={"id": made["id"]}, secrets=known)


async def unregister(ctx: Ctx, state: JSONObject) -> None:
    """Remove a webhook; one that is gone already is fine."""
    try:
        await ctx.http.request("DELETE", f"{_PATH}/{state['id']}", faults={404: _gone})
    except NotApplicable:
        return


async def check(ctx: Ctx, state: JSONObject) -> str:
    """Whether the webhook is there and active."""
    try:
        answer = await ctx.http.request("GET", f"{_PATH}/{state['id']}", faults={404: _gone})
    except NotApplicable as gone:
        return gone.message
    if client.document(answer).get("active") is False:
        return "FirstPromoter has switched its webhook off: open Settings → Integrations → Webhooks and activate it."
    return ""


async def _of_address(ctx: Ctx, url: str) -> list[JSONObject]:
    found: list[JSONObject] = []
    for number in range(1, _MOST_PAGES + 1):
        page = client.rows(await ctx.http.request("GET", _PATH, query={"page": number, "per_page": _PAGE}))
        found += [item for item in page if item.get("url") == url]
        if len(page) < _PAGE:
            break
    return found


def _gone(_response: Response) -> AppError:
    return NotApplicable(
        "FirstPromoter has no such webhook any more: disable and enable the flow connection to make it again.",
        status=404,
    )


REGISTRATION = Registration(
    register=register,
    unregister=unregister,
    check=check,
    possible=client.is_v2,
    manual=(
        "By hand: in FirstPromoter, Settings → Integrations → Webhooks, add {url} with the event of this flow; give it a header"
        " X-Webhook-Secret, or copy its secret key, and put the same text into Webhook secret of the connection."
    ),
)
