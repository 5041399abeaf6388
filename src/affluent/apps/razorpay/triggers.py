"""What Razorpay tells: its webhook events as triggers."""

from __future__ import annotations

from affluent.apps.razorpay import money
from affluent.apps.razorpay.events import (
    DisputeEvent,
    InvoiceEvent,
    OrderEvent,
    PaymentEvent,
    PaymentLinkEvent,
    RazorpayEvent,
    RefundEvent,
    SettlementEvent,
    SubscriptionEvent,
)
from affluent.apps.razorpay.lists import from_now, listing_of, poll_of
from affluent.sdk import Subject, Trigger, TriggerKind

_OUTPUTS: dict[str, type[RazorpayEvent]] = {
    "payment": PaymentEvent,
    "order": OrderEvent,
    "invoice": InvoiceEvent,
    "payment_link": PaymentLinkEvent,
    "refund": RefundEvent,
    "subscription": SubscriptionEvent,
    "dispute": DisputeEvent,
    "settlement": SettlementEvent,
}
"""Kind of record that the event is about → what the trigger hands out."""

_TRIGGERS = (
    ("payment.captured", "Payment captured", "Money was taken: the payment is final and will be settled."),
    ("payment.failed", "Payment failed", "A customer tried to pay and it did not work; error_description says why."),
    ("order.paid", "Order paid", "An order was paid whole."),
    ("invoice.paid", "Invoice paid", "An invoice was paid whole; the payment is the one that completed it."),
    ("invoice.partially_paid", "Invoice partially paid", "A part of an invoice was paid; the payment is that part."),
    ("invoice.expired", "Invoice expired", "An invoice ran out unpaid."),
    ("payment_link.paid", "Payment link paid", "A payment link was paid whole."),
    ("payment_link.partially_paid", "Payment link partially paid", "A part of a payment link was paid."),
    ("payment_link.cancelled", "Payment link cancelled", "A payment link was withdrawn; it cannot be paid any more."),
    ("payment_link.expired", "Payment link expired", "A payment link ran out unpaid."),
    (
        "refund.created",
        "Refund started",
        "Money is to be given back; refund_processed or refund_failed says how it ended.",
    ),
    ("refund.processed", "Refund processed", "Money was given back; this is final."),
    ("refund.failed", "Refund failed", "Money could not be given back; it is in your balance again."),
    ("subscription.charged", "Subscription charged", "A recurring payment was taken."),
    ("subscription.cancelled", "Subscription cancelled", "A subscription was ended before its time."),
    ("payment.dispute.created", "Dispute opened", "A customer's bank asks for the money back."),
    ("payment.dispute.under_review", "Dispute under review", "Your evidence is being looked at."),
    ("payment.dispute.action_required", "Dispute needs action", "The bank wants more evidence before respond_by."),
    ("payment.dispute.won", "Dispute won", "The money stays with you."),
    ("payment.dispute.lost", "Dispute lost", "The money goes back to the customer."),
    ("payment.dispute.closed", "Dispute closed", "The dispute ended without a decision."),
    ("settlement.processed", "Settlement processed", "Money of several payments was sent to your bank account."),
)

_MOVES_MONEY = ("captured", "paid", "partially_paid", "processed", "charged")


def _trigger(event: str, title: str, description: str) -> Trigger:
    kind = "dispute" if event.startswith("payment.dispute.") else event.split(".", maxsplit=1)[0]
    key = event.removeprefix("payment.") if kind == "dispute" else event
    key = key.replace(".", "_")
    return Trigger(
        key=key,
        title=title,
        description=description,
        kind=TriggerKind.WEBHOOK,
        event=event,
        sample=f"{key}.json",
        output=_OUTPUTS[kind],
        subject=Subject(title="settlement.id")
        if kind == "settlement"
        else Subject(
            account="account_id",
            customer="billing_customer_id",
            title=f"{kind}.id",
            name="customer.name",
            amount="net" if kind != "settlement" and event.rsplit(".", maxsplit=1)[-1] in _MOVES_MONEY else "",
            currency="currency",
        ),
        poll=poll_of(event),
        poll_start=from_now if poll_of(event) else None,
        listing=listing_of(event),
        facts=money.event_facts,
    )


TRIGGERS = tuple(_trigger(*facts) for facts in _TRIGGERS)
