"""Razorpay's books: payments that were captured and refunds that were processed, by the time they were made.

A payment that was captured long after it was made (manual capture) stands under the time it was made.
"""

from __future__ import annotations

from affluent.apps.razorpay.client import Ctx, items, read, with_context
from affluent.apps.razorpay.facts import facts_of, whole
from affluent.apps.razorpay.schemas import SMALLEST_INR
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money
from affluent.sdk import BookPage, BookRecord, Books, Correction, Need, Window

_PAGE = 100


async def read_books(ctx: Ctx, window: Window, cursor: JSONValue) -> BookPage:
    """One page: first all payments, then all refunds, newest first."""
    walk: JSONObject = dict(cursor or {"list": "payments", "skip": 0})
    name, skip = walk["list"], walk["skip"]
    query: dict[str, str | int | list[str]] = {
        "from": int(window.start.timestamp()),
        "to": int(window.end.timestamp()),
        "count": _PAGE,
        "skip": skip,
    }
    found = items(await read(ctx, f"/{name}", query), "items")
    records = [record for item in found if (record := await _record(ctx, name, item)) is not None]
    if len(found) == _PAGE:
        return BookPage(records=records, cursor={"list": name, "skip": skip + _PAGE}, more=True)
    if name == "payments":
        return BookPage(records=records, cursor={"list": "refunds", "skip": 0}, more=True)
    return BookPage(records=records)


async def _record(ctx: Ctx, name: str, item: JSONObject) -> BookRecord | None:
    amount, at = whole(item.get("amount")), clock.from_seconds(whole(item.get("created_at")))
    if amount is None or at is None:
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
    facts = facts_of({"payment": item})
    if facts["account_id"] is None and (item.get("invoice_id") or item.get("order_id")):
        facts = facts_of(await with_context(ctx, item))
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
