"""What Razorpay's events, answers and lists say about money: facts. Pure.

A record says the same fact wherever it stands, so a payment that comes with four events and a list is one payment. What it
is for is in notes (facts.py), which only some of these carry. A dispute that is `closed` ended without a decision, and nothing is
deducted for it: the money stays, as if it had been won.
"""

from __future__ import annotations

from datetime import datetime

from affluent.apps.razorpay.facts import Entities, facts_of, fees, whole
from affluent.apps.razorpay.schemas import NewInvoice, NewPaymentLink, NewRefund, OneInvoice, OnePayment, Withdrawal
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk.facts import (
    Dispute,
    DisputeState,
    Fact,
    Origin,
    Payment,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
    Settlement,
)

HOME = "INR"
"""The currency of settlements, which name none."""
_RECORDS = ("payment", "refund", "dispute", "invoice", "payment_link", "order", "subscription", "settlement")
_TAKEN = ("captured", "refunded")
_DISPUTE_STATES = {"won": DisputeState.WON, "closed": DisputeState.WON, "lost": DisputeState.LOST}
_REQUEST_STATES = {
    "issued": RequestState.OPEN,
    "created": RequestState.OPEN,
    "partially_paid": RequestState.OPEN,
    "paid": RequestState.PAID,
    "cancelled": RequestState.WITHDRAWN,
    "expired": RequestState.WITHDRAWN,
    "deleted": RequestState.WITHDRAWN,
}


def event_facts(payload: JSONObject, origin: Origin) -> list[Fact]:
    """What the records of an event say."""
    return record_facts({kind: payload[kind] for kind in _RECORDS if isinstance(payload.get(kind), dict)}, origin)


def record_facts(entities: Entities, origin: Origin) -> list[Fact]:
    """What records say that belong together: a payment, what it was for, what became of it."""
    facts: list[Fact] = []
    payment = entities.get("payment", {})
    if payment.get("status") in _TAKEN:
        asked = {kind: record for kind, record in entities.items() if kind not in ("refund", "dispute")}
        facts.append(_payment(payment, facts_of(asked), origin))
    if refund := entities.get("refund"):
        facts.append(_refund(refund, text_of(payment.get("currency")), origin))
    if dispute := entities.get("dispute"):
        facts.append(_dispute(dispute, text_of(payment.get("currency")), origin))
    if (settlement := entities.get("settlement")) and settlement.get("status") == "processed":
        facts.append(_settlement(settlement, origin))
    for kind in ("invoice", "payment_link"):
        if request := entities.get(kind):
            facts += _request(request, text_of(facts_of({kind: request})["billing_invoice_id"]), origin)
    return facts


def requested(
    given: NewInvoice | NewPaymentLink | OneInvoice | Withdrawal, output: JSONObject, origin: Origin
) -> list[Fact]:
    """What an answer says of the invoice or payment link that asks for money."""
    notes = given.notes if isinstance(given, (NewInvoice, NewPaymentLink)) else {}
    named = "" if isinstance(given, OneInvoice) else given.billing_invoice_id
    invoice_id = named or output.get("billing_invoice_id") or notes.get("togai_invoice_id")
    return _request(output, text_of(invoice_id), origin)


def fetched_payment(_given: OnePayment, output: JSONObject, origin: Origin) -> list[Fact]:
    """What a payment that was read says, once it was captured."""
    return [_payment(output, output, origin)] if output.get("status") in _TAKEN else []


def refunded(_given: NewRefund, output: JSONObject, origin: Origin) -> list[Fact]:
    """What the answer to a refund says: it may still be pending."""
    return [_refund(output, "", origin)]


def _payment(payment: JSONObject, facts: JSONObject, origin: Origin) -> Payment:
    """`facts` tell whose payment it is and what it settles, see facts.py."""
    amount, settles = whole(payment["amount"]) or 0, whole(facts["settles_minor"]) or 0
    fee, fee_tax = fees(payment)
    invoice_id = text_of(facts.get("billing_invoice_id"))
    is_net_known = not invoice_id and facts["net_minor"] != facts["settles_minor"]
    return Payment(
        source=origin.source,
        id=payment["id"],
        happened_at=_at(payment, origin, "created_at"),
        learned_at=origin.learned_at,
        channel=origin.source,
        amount=amount,
        currency=_currency(payment),
        net=whole(facts["net_minor"]) if is_net_known else None,
        fee_on_customer=amount - settles,
        fee=fee,
        fee_tax=fee_tax,
        invoice_id=invoice_id,
        account_id=text_of(facts.get("account_id")),
    )


def _refund(refund: JSONObject, currency: str, origin: Origin) -> Refund:
    status = text_of(refund.get("status"))
    return Refund(
        source=origin.source,
        id=refund["id"],
        happened_at=_at(refund, origin, "created_at"),
        learned_at=origin.learned_at,
        payment_id=text_of(refund.get("payment_id")),
        amount=whole(refund["amount"]) or 0,
        currency=_currency(refund, currency),
        state=RefundState(status) if status in list(RefundState) else RefundState.PENDING,
    )


def _dispute(dispute: JSONObject, currency: str, origin: Origin) -> Dispute:
    state = _DISPUTE_STATES.get(text_of(dispute.get("status")), DisputeState.OPENED)
    deducted = whole(dispute.get("amount_deducted")) if state is DisputeState.LOST else None
    return Dispute(
        source=origin.source,
        id=dispute["id"],
        happened_at=_at(dispute, origin, "created_at") if state is DisputeState.OPENED else origin.happened_at,
        learned_at=origin.learned_at,
        payment_id=text_of(dispute.get("payment_id")),
        amount=deducted or whole(dispute["amount"]) or 0,
        currency=_currency(dispute, currency),
        state=state,
    )


def _settlement(settlement: JSONObject, origin: Origin) -> Settlement:
    return Settlement(
        source=origin.source,
        id=settlement["id"],
        happened_at=_at(settlement, origin, "created_at"),
        learned_at=origin.learned_at,
        channel=origin.source,
        amount=whole(settlement["amount"]) or 0,
        currency=_currency(settlement),
    )


def _request(request: JSONObject, invoice_id: str, origin: Origin) -> list[Fact]:
    """An invoice or link that asks for the money of a billing invoice; a draft asks for nothing yet."""
    state = _REQUEST_STATES.get(text_of(request.get("status")))
    if state is None or not invoice_id:
        return []
    paid = whole(request.get("amount_paid")) or 0
    times = {RequestState.PAID: ("paid_at",), RequestState.WITHDRAWN: ("cancelled_at", "expired_at")}
    names = times.get(state, () if paid else ("issued_at", "created_at"))
    return [
        PaymentRequest(
            source=origin.source,
            id=request["id"],
            happened_at=_at(request, origin, *names),
            learned_at=origin.learned_at,
            invoice_id=invoice_id,
            amount=whole(request["amount"]) or 0,
            currency=_currency(request),
            paid=paid,
            state=state,
        )
    ]


def _at(record: JSONObject, origin: Origin, *names: str) -> datetime:
    """The first of these times that the record has: 0 and null mean none."""
    seconds = next((number for name in names if (number := whole(record.get(name)))), None)
    return clock.from_seconds(seconds) or origin.happened_at


def _currency(record: JSONObject, otherwise: str = "") -> str:
    return (text_of(record.get("currency")) or otherwise or HOME).upper()
