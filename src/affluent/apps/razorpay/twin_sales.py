"""How a sale goes at the twin: who pays what, and which events tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affluent.apps.razorpay.twin_books import Books, Refused
from affluent.kit.jsons import JSONObject, JSONValue

Told = tuple[str, dict[str, JSONObject]]
"""An event's name and its records as they are at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """What a customer does on the page."""

    amount: int | None = None
    """Minor units; None: all that is due."""
    fee_on_top: int = 0
    """Minor units that the customer pays beside the amount, because the merchant lets customers bear the fee."""
    fails: bool = False
    method: str = "card"
    email: str | None = None
    contact: str | None = None
    notes: JSONValue = True
    """True: the payment repeats the notes of what it pays; false: it has none; anything else is what stands in its notes."""
    fee: int | None = None
    """Minor units that Razorpay keeps, tax included; None: 2 % and 18 % tax on it."""
    is_late: bool = False
    """Whether the money was on its way already when the request was withdrawn."""


def pay(books: Books, record_id: str, paying: Paying) -> tuple[JSONObject, list[Told]]:
    """Pay an invoice, a payment link or an order: the payment, and the events in the order they are sent.

    One sale tells four times that money was taken or due was met, and once before that it was authorised.
    """
    kind, record, order = _payable(books, record_id)
    due = record["amount"] - record["amount_paid"]
    amount = due if paying.amount is None else paying.amount
    if not (paying.is_late and record["status"] in ("cancelled", "expired")):
        _check(kind, record, amount, due)
    payment = _payment(books, kind, record, order, amount, paying)
    if paying.fails:
        payment |= {
            "status": "failed",
            "captured": False,
            "error_code": "BAD_REQUEST_ERROR",
            "error_description": "Your payment was not completed: the bank declined it.",
            "error_source": "customer",
            "error_step": "payment_authentication",
            "error_reason": "payment_failed",
        }
        return payment, [_tell("payment.failed", payment=payment)]
    authorised = {**payment, "status": "authorized", "captured": False}
    _settle(books, kind, record, payment, amount)
    told = [_tell("payment.authorized", payment=authorised), _tell("payment.captured", payment=payment)]
    is_whole = record["amount_paid"] == record["amount"]
    if order["amount_paid"] == order["amount"]:
        told.append(_tell("order.paid", payment=payment, order=order))
    if kind != "order":
        state = "paid" if is_whole else "partially_paid"
        told.append(_tell(f"{kind}.{state}", **{"payment": payment, "order": order, kind: record}))
    return payment, told


def expire(books: Books, record_id: str) -> list[Told]:
    """Let an unpaid invoice or payment link run out."""
    kind, record, _ = _payable(books, record_id)
    if kind == "order":
        raise Refused("An order does not run out")
    record |= {"status": "expired", "expired_at": books.now}
    return [_tell(f"{kind}.expired", **{kind: record})]


def refunded(books: Books, refund: JSONObject) -> list[Told]:
    """The events of a refund."""
    payment = books.payments[refund["payment_id"]]
    events = [_tell("refund.created", refund={**refund, "status": "pending"}, payment=payment)]
    return (
        events
        if refund["status"] == "pending"
        else [*events, _tell("refund.processed", refund=refund, payment=payment)]
    )


def envelope(told: Told, *, merchant: str, created_at: int) -> JSONObject:
    """The body of a webhook."""
    event, records = told
    return {
        "entity": "event",
        "account_id": merchant,
        "event": event,
        "contains": list(records),
        "payload": {kind: {"entity": record} for kind, record in records.items()},
        "created_at": created_at,
    }


def _tell(event: str, **records: JSONObject) -> Told:
    return event, {kind: dict(record) for kind, record in records.items()}


def _payable(books: Books, record_id: str) -> tuple[str, JSONObject, JSONObject]:
    """Its kind, the record, and the order it is paid through."""
    shelves: Sequence[tuple[str, dict[str, JSONObject]]] = (
        ("invoice", books.invoices),
        ("payment_link", books.payment_links),
        ("order", books.orders),
    )
    for kind, shelf in shelves:
        record = shelf.get(record_id)
        if record is not None:
            order = record if kind == "order" else books.orders.get(record["order_id"] or "")
            if order is None:
                raise Refused("A draft cannot be paid")
            return kind, record, order
    raise Refused("The id provided does not exist")


def _check(kind: str, record: JSONObject, amount: int, due: int) -> None:
    if record["status"] not in ("issued", "created", "attempted", "partially_paid"):
        raise Refused(f"This {kind} is {record['status']} and cannot be paid")
    in_parts = record.get("partial_payment") or record.get("accept_partial")
    if not 0 < amount <= due or (amount != due and not in_parts):
        raise Refused(f"{due} is due, and {amount} was offered")


def _payment(books: Books, kind: str, record: JSONObject, order: JSONObject, amount: int, paying: Paying) -> JSONObject:
    details = record.get("customer_details") or record.get("customer") or {}
    person = details if isinstance(details, dict) else {}
    payment_id = books.new_id("pay")
    fee = paying.fee_on_top or (amount * 236 // 10_000 if paying.fee is None else paying.fee)
    books.payments[payment_id] = {
        "id": payment_id,
        "entity": "payment",
        "amount": amount + paying.fee_on_top,
        "currency": record["currency"],
        "base_amount": amount + paying.fee_on_top,
        "status": "captured",
        "order_id": order["id"],
        "invoice_id": record["id"] if kind == "invoice" else None,
        "international": False,
        "method": paying.method,
        "amount_refunded": 0,
        "refund_status": None,
        "captured": True,
        "description": record.get("description"),
        "email": paying.email or person.get("email"),
        "contact": paying.contact or person.get("contact"),
        "notes": _notes(record, paying),
        "fee": fee,
        **({"fee_bearer": "customer"} if paying.fee_on_top else {}),
        "tax": fee * 18 // 118,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "created_at": books.now,
    }
    return books.payments[payment_id]


def _notes(record: JSONObject, paying: Paying) -> JSONValue:
    if isinstance(paying.notes, bool):
        return (record.get("notes") if paying.notes else None) or []
    return paying.notes


def _settle(books: Books, kind: str, record: JSONObject, payment: JSONObject, amount: int) -> None:
    order = record if kind == "order" else books.orders[record["order_id"]]
    order |= {"amount_paid": order["amount_paid"] + amount, "attempts": order["attempts"] + 1}
    order["amount_due"] = order["amount"] - order["amount_paid"]
    order["status"] = "attempted" if order["amount_due"] else "paid"
    if kind == "order":
        return
    record["amount_paid"] += amount
    is_whole = record["amount_paid"] == record["amount"]
    record["status"] = "paid" if is_whole else "partially_paid"
    if kind == "invoice":
        record["amount_due"] = record["amount"] - record["amount_paid"]
        record["payment_id"] = record["payment_id"] or payment["id"]
        record["paid_at"] = books.now if is_whole else None
    else:
        paid = {"payment_id": payment["id"], "amount": amount, "status": "captured", "created_at": books.now}
        record["payments"] = [*(record["payments"] or []), paid]
        record["updated_at"] = books.now
