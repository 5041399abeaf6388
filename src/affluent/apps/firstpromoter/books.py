"""FirstPromoter's books: commissions by the day they were made, each telling of its sale or refund.

There is no list of sales: one that earned nothing is in no list. In API v2 `sale_amount` is in the account's currency and
`original_sale_*` is what was sent (null when equal); API v1 names no currency and knows no dates to filter by.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from affluent.apps.firstpromoter import client, money, pages, referrals, units
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.pages import PageInput
from affluent.apps.firstpromoter.schemas import Credentials
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money, exponent, is_currency
from affluent.kit.numbers import exact, shown
from affluent.sdk import BookPage, BookRecord, Books, Correction, Need, Rejected, Window

HOME = ""
"""The account's own currency, which the API does not name."""


async def read(ctx: Ctx, window: Window, cursor: JSONValue) -> BookPage:
    """One page of 100 commissions."""
    wanted = PageInput(page=cursor or 1, per_page=client.LARGEST_PAGE)
    if client.is_v2(ctx.credentials):
        # Whole days, one more on each side: in which zone the filter counts days is not documented.
        filters = {
            "filters[created_at][from]": (window.start - timedelta(days=1)).date().isoformat(),
            "filters[created_at][to]": (window.end + timedelta(days=1)).date().isoformat(),
        }
        found, following = await pages.read(ctx, "/company/commissions", wanted, filters)
    else:
        found, following = await pages.read(ctx, "/rewards/list", wanted, {})
    records = [
        _record(ctx.credentials, item, at)
        for item in found
        if (at := clock.from_text(item.get("created_at"))) is not None
    ]
    inside = [record for record in records if window.start <= record.at < window.end]
    facts = [fact for item in found for fact in money.listed_commission(item, ctx.origin)]
    return BookPage(records=inside, facts=facts, cursor=following, more=following is not None)


def _record(credentials: Credentials, item: JSONObject, at: datetime) -> BookRecord:
    person = item.get("referral") or item.get("lead") or {}
    sale = text_of(item.get("event_id"))
    is_sale = (item.get("commission_type") or "sale") == "sale" and bool(sale)
    return BookRecord(
        kind="commission",
        id=str(item["id"]),
        about=sale or f"commission/{item['id']}",
        amount=Money(_minor(item, "amount"), HOME),
        at=at,
        account_id=text_of(person.get("uid")),
        status="paid" if item.get("is_paid") else text_of(item.get("status")) or "approved",
        facts={
            "customer": text_of(person.get("id")),
            "unit": item.get("unit") or "cash",
            **(_sale(credentials, item, sale) if is_sale else {}),
        },
    )


def _minor(item: JSONObject, name: str) -> int:
    """A number of minor units, 0 when there is none; raises Rejected naming the commission when it is no number."""
    value = item.get(name) or 0
    amount = exact(str(value) if isinstance(value, float) else value)
    if amount is None or amount != int(amount):
        raise Rejected(f"Commission {item.get('id')} of FirstPromoter has {shown(value)} as its {name}.")
    return int(amount)


def _sale(credentials: Credentials, item: JSONObject, sale: str) -> JSONObject:
    membership = referrals.membership_of(item)
    part = f"{membership.get('id', '')}/{item.get('tier') or item.get('tier_level') or 1}"
    if "conversion_amount" in item:  # v1
        return {"sale": sale, "basis": _minor(item, "conversion_amount"), "part": part}
    original, currency = item.get("original_sale_amount"), item.get("original_sale_currency")
    code = (text_of(currency) or HOME).upper() if original is not None else HOME
    basis = _minor(item, "original_sale_amount" if original is not None else "sale_amount")
    is_known = is_currency(code)
    return {
        "sale": sale,
        "basis": units.minor(credentials, basis, code) if is_known else basis,
        "basis_currency": code,
        "rounded_to": units.rounding(credentials, code) if is_known else 1,
        "part": f"{part}/split" if item.get("is_split") else part,
        "was_converted": bool(currency) and item.get("sale_amount") != original,
    }


def _new_sale(need: Need) -> JSONObject:
    return {
        "event_id": need.event_id,
        "uid": need.account_id,
        "amount": need.money.minor_units,
        "currency": need.money.currency,
    }


def _smallest(currency: str) -> int:
    """The smallest amount that is not rounded to nothing in FirstPromoter's unit."""
    return int(10 ** max(0, exponent(currency) - 2) // 2 + 1) if is_currency(currency) else 1


def _refund(need: Need) -> JSONObject:
    return {**_new_sale(need), "sale_event_id": need.about}


BOOKS = Books(
    shelf="commissions",
    read=read,
    writes={"track_sale": "sale", "track_refund": "sale_refund"},
    is_listed=lambda output: bool(output.get("commissions")),
    add=Correction(action="track_sale", inputs=_new_sale),
    take_back=Correction(action="track_refund", inputs=_refund),
    minimum=_smallest,
)
