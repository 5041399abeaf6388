"""What webhooks should have told, read from Razorpay's lists: for sweeps after an outage, and for backfills.

Lists know payments and refunds by their time, so a paid invoice or link is found by its payment: the newest one, which is
the one that completed it. Lists do not know the ids of webhook events, so both are named by the record that they are about.
A payment that was captured long after it was made (manual capture) is found by the time it was made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from affluent.apps.razorpay.client import Ctx, items, paid_links, read, read_or_nothing
from affluent.apps.razorpay.facts import whole
from affluent.apps.razorpay.webhook import ONCE, parse
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import Incoming, Listing, Page

_PAGE = 100
_OVERLAP_SECONDS = 600
Entities = dict[str, JSONObject]
Tell = Callable[[Ctx, JSONObject], Awaitable[Entities | None]]
"""(ctx, a record of the list) → the records of the event that it means, if it means one."""


async def _captured(_ctx: Ctx, payment: JSONObject) -> Entities | None:
    return {"payment": payment} if _is_captured(payment) else None


async def _failed(_ctx: Ctx, payment: JSONObject) -> Entities | None:
    return {"payment": payment} if payment.get("status") == "failed" else None


async def _order_paid(ctx: Ctx, payment: JSONObject) -> Entities | None:
    if not _is_captured(payment) or not payment.get("order_id"):
        return None
    order = await read_or_nothing(ctx, f"/orders/{payment['order_id']}")
    return {"payment": payment, "order": order} if order.get("status") == "paid" else None


async def _invoice_paid(ctx: Ctx, payment: JSONObject) -> Entities | None:
    if not _is_captured(payment) or not payment.get("invoice_id"):
        return None
    invoice = await read_or_nothing(ctx, f"/invoices/{payment['invoice_id']}")
    return {"payment": payment, "invoice": invoice} if invoice.get("status") == "paid" else None


async def _link_paid(ctx: Ctx, payment: JSONObject) -> Entities | None:
    if not _is_captured(payment) or payment.get("invoice_id"):
        return None
    paid = [link for link in await paid_links(ctx, payment) if link.get("status") == "paid"]
    return {"payment": payment, "payment_link": paid[0]} if paid else None


async def _refund_processed(ctx: Ctx, refund: JSONObject) -> Entities | None:
    if refund.get("status") != "processed":
        return None
    payment = await read_or_nothing(ctx, f"/payments/{refund.get('payment_id')}")
    return {"refund": refund, **({"payment": payment} if payment else {})}


_FOUND_BY: dict[str, tuple[str, Tell]] = {
    "payment.captured": ("/payments", _captured),
    "payment.failed": ("/payments", _failed),
    "order.paid": ("/payments", _order_paid),
    "invoice.paid": ("/payments", _invoice_paid),
    "payment_link.paid": ("/payments", _link_paid),
    "refund.processed": ("/refunds", _refund_processed),
}
"""Event → the list it is found in, and what a record of the list means. Each happens once to the record it is named after."""


def poll_of(event: str) -> Callable[[Ctx, JSONValue], Awaitable[Page]] | None:
    """A walk through everything the vendor has, then through what is new; None when no list tells of this event."""
    if event not in _FOUND_BY:
        return None

    async def poll(ctx: Ctx, cursor: JSONValue) -> Page:
        return await _walk(ctx, event, cursor or {"from": 0})

    return poll


def listing_of(event: str) -> Listing | None:
    """How a sweep finds what did not arrive; None when no list tells of this event."""
    if event not in _FOUND_BY:
        return None

    async def since(ctx: Ctx, begin: datetime, cursor: JSONValue) -> Page:
        return await _walk(ctx, event, cursor or {"from": int(begin.timestamp())})

    return Listing(since=since)


async def from_now(ctx: Ctx) -> JSONValue:
    """The cursor of this moment."""
    return {"from": int(ctx.now.timestamp())}


async def _walk(ctx: Ctx, event: str, cursor: JSONObject) -> Page:
    """One page, newest first. The walk's end is fixed when it begins, so that new records do not shift its pages."""
    path, tell = _FOUND_BY[event]
    until, skip = cursor.get("to", int(ctx.now.timestamp())), cursor.get("skip", 0)
    query: dict[str, str | int | list[str]] = {"from": cursor["from"], "to": until, "count": _PAGE, "skip": skip}
    records = items(await read(ctx, path, query), "items")
    found = [(record, await tell(ctx, record)) for record in records]
    more = len(records) == _PAGE
    following = {"to": until, "from": cursor["from"], "skip": skip + _PAGE}
    return Page(
        items=[_incoming(event, record, entities) for record, entities in found if entities],
        cursor=following if more else {"from": max(until - _OVERLAP_SECONDS, 0)},
        more=more,
    )


def _incoming(event: str, record: JSONObject, entities: Entities) -> Incoming:
    """The event as the webhook would have sent it."""
    happened_at = whole(entities[ONCE[event]].get("paid_at")) or whole(record.get("created_at"))
    payload = {kind: {"entity": entity} for kind, entity in entities.items()}
    return parse({"entity": "event", "event": event, "payload": payload, "created_at": happened_at}, {})


def _is_captured(payment: JSONObject) -> bool:
    return payment.get("status") in ("captured", "refunded")
