"""Razorpay's books: payments that were captured and refunds that were processed, by the time they were made.

A payment that was captured long after it was made (manual capture) stands under the time it was made. Disputes, settlements, and the
invoices and links that ask for money are no records, and are read for the facts that they say.
"""

from __future__ import annotations

from affluent.apps.razorpay.client import Ctx, items, read, read_or_nothing, with_context
from affluent.apps.razorpay.facts import facts_of, whole
from affluent.apps.razorpay.money import record_facts
from affluent.apps.razorpay.schemas import SMALLEST_INR
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money
from affluent.sdk import BookPage, BookRecord, Books, Correction, Need, Window

_PAGE = 100
LISTS = ("payments", "refunds", "disputes", "settlements", "invoices", "payment_links")
_RECORDED = ("payments", "refunds")


async def read_books(ctx: Ctx, window: Window, cursor: JSONValue) -> BookPage:
    """One page of one list after the other, newest first."""
    walk: JSONObject = dict(cursor or {"list": LISTS[0], "skip": 0})
    name, skip = walk["list"], walk["skip"]
    query: dict[str, str | int | list[str]] = {
        "from": int(window.start.timestamp()),
        "to": int(window.end.timestamp()),
        "count": _PAGE,
        "skip": skip,
        **({"type": "invoice"} if name == "invoices" else {}),
    }
    # Not every account has all of these lists; the two that are records have to be there.
    answer = await (read if name in _RECORDED else read_or_nothing)(ctx, f"/{name}", query)
    page = items(answer, "payment_links" if name == "payment_links" else "items")
    known = [await _entities(ctx, name, item) for item in page]
    records = [record for entities in known if (record := _record(name, entities)) is not None]
    facts = [fact for entities in known for fact in record_facts(entities, ctx.origin)]
    following = _following(name, skip, page, window)
    return BookPage(records=records, facts=facts, cursor=following, more=following is not None)


def _following(name: str, skip: int, page: list[JSONObject], window: Window) -> JSONObject | None:
    """Where to go on. Not every list is documented to know times, so one that has passed the window's begin is left."""
    oldest = min((whole(item.get("created_at")) or 0 for item in page), default=0)
    if len(page) == _PAGE and oldest >= int(window.start.timestamp()):
        return {"list": name, "skip": skip + _PAGE}
    rest = LISTS[LISTS.index(name) + 1 :]
    return {"list": rest[0], "skip": 0} if rest else None


async def _entities(ctx: Ctx, name: str, item: JSONObject) -> dict[str, JSONObject]:
    """The records that belong together: of a payment whose own notes name no account, what it was for."""
    is_unnamed = name == "payments" and item.get("status") in ("captured", "refunded")
    if (
        is_unnamed
        and facts_of({"payment": item})["account_id"] is None
        and (item.get("invoice_id") or item.get("order_id"))
    ):
        return await with_context(ctx, item)
    return {name.removesuffix("s"): item}


def _record(name: str, entities: dict[str, JSONObject]) -> BookRecord | None:
    item = entities[name.removesuffix("s")]
    amount, at = whole(item.get("amount")), clock.from_seconds(whole(item.get("created_at")))
    if amount is None or at is None or name not in _RECORDED:
        return None
    money = Money(amount, (text_of(item.get("currency")) or "INR").upper())
    if name == "refunds":
        if item.get("status") != "processed":
            return None
        payment_id = text_of(item.get("payment_id")) or item["id"]
        return BookRecord(
            kind="payment_refund", id=item["id"], about=payment_id, amount=money, at=at, facts={"payment": payment_id}
        )
    if item.get("status") not in ("captured", "refunded"):
        return None
    facts = facts_of(entities)
    return BookRecord(
        kind="payment",
        id=item["id"],
        about=facts["billing_invoice_id"] or item["id"],
        amount=Money(facts["settles_minor"], money.currency),
        at=at,
        account_id=facts["account_id"] or "",
        status=text_of(item["status"]),
        facts={"customer": facts["customer"]["id"] or ""},
    )


def _refund(need: Need) -> JSONObject:
    money = need.money
    return {
        "payment_id": need.about,
        "amount": money.minor_units,
        "currency": money.currency,
        "notes": {"why": need.note},
    }


BOOKS = Books(
    shelf="payments",
    read=read_books,
    take_back=Correction(action="refund", inputs=_refund),
    minimum=lambda currency: SMALLEST_INR if currency == "INR" else 1,
)
