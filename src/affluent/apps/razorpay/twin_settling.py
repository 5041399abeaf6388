"""What becomes of a payment at the twin after it was captured: refunds end, disputes are decided, money is settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from affluent.apps.razorpay.twin_books import Books, Refused
from affluent.apps.razorpay.twin_sales import Told
from affluent.kit.jsons import JSONObject

_DISPUTE_ENDS = ("won", "lost", "closed")
_DISPUTE_STEPS = {"under_review": "under_review", "action_required": "open", **{end: end for end in _DISPUTE_ENDS}}
"""Event → the status that the dispute has after it."""


def end_refund(books: Books, refund_id: str, state: str) -> list[Told]:
    """Let a pending refund be processed or fail; what failed is the payment's again."""
    refund = books.refunds.get(refund_id)
    if refund is None or refund["status"] != "pending" or state not in ("processed", "failed"):
        raise Refused("Only a pending refund can be processed or fail")
    payment = books.payments[refund["payment_id"]]
    refund["status"] = state
    if state == "failed":
        left = payment["amount_refunded"] - refund["amount"]
        payment |= {"amount_refunded": left, "refund_status": "partial" if left else None, "status": "captured"}
    return [(f"refund.{state}", {"refund": dict(refund), "payment": dict(payment)})]


def open_dispute(books: Books, payment_id: str, amount: int | None) -> tuple[JSONObject, list[Told]]:
    """A customer's bank asks for a payment back, or for a part of it."""
    payment = books.payments.get(payment_id)
    if payment is None or payment["status"] not in ("captured", "refunded"):
        raise Refused("Only a captured payment can be disputed")
    dispute_id = books.new_id("disp")
    books.disputes[dispute_id] = {
        "id": dispute_id,
        "entity": "dispute",
        "payment_id": payment_id,
        "amount": payment["amount"] if amount is None else amount,
        "currency": payment["currency"],
        "amount_deducted": 0,
        "reason_code": "chargeback_authorization",
        "respond_by": books.now + 7 * 24 * 3600,
        "status": "open",
        "phase": "chargeback",
        "created_at": books.now,
    }
    dispute = books.disputes[dispute_id]
    return dispute, [_told_of_dispute("created", dispute, payment)]


def move_dispute(books: Books, dispute_id: str, event: str) -> tuple[JSONObject, list[Told]]:
    """Take a dispute a step on. A lost one deducts its amount, which cannot be refunded any more."""
    dispute = books.disputes.get(dispute_id)
    if dispute is None or dispute["status"] in _DISPUTE_ENDS or event not in _DISPUTE_STEPS:
        raise Refused("Only an open dispute can go on")
    dispute["status"] = _DISPUTE_STEPS[event]
    dispute["amount_deducted"] = dispute["amount"] if event == "lost" else 0
    return dispute, [_told_of_dispute(event, dispute, books.payments[dispute["payment_id"]])]


def _told_of_dispute(event: str, dispute: JSONObject, payment: JSONObject) -> Told:
    return f"payment.dispute.{event}", {"payment": dict(payment), "dispute": dict(dispute)}


def settle(books: Books) -> tuple[JSONObject, list[Told]]:
    """Send all that is not settled to the bank: payments less fees, less what went back."""
    lines = list(_unsettled(books))
    amount = sum(line["credit"] - line["debit"] for line in lines)
    if amount <= 0:
        raise Refused("There is nothing to settle")
    settlement_id = books.new_id("setl")
    books.settlements[settlement_id] = {
        "id": settlement_id,
        "entity": "settlement",
        "amount": amount,
        "status": "processed",
        "fees": 0,
        "tax": 0,
        "utr": f"{books.now}twin",
        "created_at": books.now,
    }
    settlement = books.settlements[settlement_id]
    stamp = {
        "settled": True,
        "settled_at": books.now,
        "settlement_id": settlement_id,
        "settlement_utr": settlement["utr"],
    }
    books.settled += [{**line, **stamp} for line in lines]
    return settlement, [("settlement.processed", {"settlement": dict(settlement)})]


def settled_in(books: Books, *, year: int, month: int, day: int | None) -> list[JSONObject]:
    """The lines that were settled in a month or on a day."""
    return [line for line in books.settled if _is_in(line["settled_at"], year, month, day)]


def _unsettled(books: Books) -> Iterator[JSONObject]:
    """The lines of the settlement reconciliation that are in no settlement yet."""
    known = {line["entity_id"] for line in books.settled}
    return (line for line in _movements(books) if line["entity_id"] not in known)


def _movements(books: Books) -> Iterator[JSONObject]:
    for payment in books.payments.values():
        if payment["captured"]:
            fee, tax = payment["fee"], payment["tax"]
            yield _line("payment", payment, payment["id"], credit=payment["amount"] - fee, fee=fee, tax=tax)
    for refund in books.refunds.values():
        if refund["status"] == "processed":
            yield _line("refund", refund, refund["payment_id"], debit=refund["amount"])
    for dispute in books.disputes.values():
        if dispute["status"] == "lost":
            lost = _line("adjustment", dispute, dispute["payment_id"], debit=dispute["amount_deducted"])
            yield {**lost, "dispute_id": dispute["id"]}


def _line(
    kind: str, record: JSONObject, payment_id: str, *, debit: int = 0, credit: int = 0, fee: int = 0, tax: int = 0
) -> JSONObject:
    return {
        "entity_id": record["id"],
        "type": kind,
        "debit": debit,
        "credit": credit,
        "amount": record["amount"],
        "currency": record["currency"],
        "fee": fee,
        "tax": tax,
        "on_hold": False,
        "created_at": record["created_at"],
        "payment_id": payment_id,
        "dispute_id": None,
    }


def _is_in(seconds: int, year: int, month: int, day: int | None) -> bool:
    at = datetime.fromtimestamp(seconds, UTC)
    return (at.year, at.month) == (year, month) and day in (None, at.day)
