"""What the triggers of Razorpay hand out: the records of the event, and the facts that flows need beside them.

Fields are optional where Razorpay leaves them out or null in some events; unknown ones stay in the payload.
"""

from __future__ import annotations

from pydantic import Field

from affluent.kit.jsons import JSONObject
from affluent.sdk import OutputModel


class _Record(OutputModel):
    """What all records have. Amounts are minor units, times seconds since 1970."""

    id: str
    status: str | None = None
    created_at: int | None = None
    notes: JSONObject = Field(default_factory=dict)


class PaymentRecord(_Record):
    """A payment as it was when the event was sent."""

    amount: int | None = None
    currency: str | None = None
    captured: bool | None = None
    method: str | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    email: str | None = None
    contact: str | None = None
    fee: int | None = None
    fee_bearer: str | None = None
    tax: int | None = None
    amount_refunded: int | None = None
    refund_status: str | None = None
    error_code: str | None = None
    error_description: str | None = None
    error_reason: str | None = None


class OrderRecord(_Record):
    """An order."""

    amount: int | None = None
    amount_paid: int | None = None
    amount_due: int | None = None
    currency: str | None = None
    receipt: str | None = None


class InvoiceRecord(_Record):
    """An invoice."""

    receipt: str | None = None
    invoice_number: str | None = None
    customer_id: str | None = None
    order_id: str | None = None
    payment_id: str | None = None
    """Of its first payment; the payment of the event is beside it."""
    amount: int | None = None
    amount_paid: int | None = None
    amount_due: int | None = None
    currency: str | None = None
    short_url: str | None = None
    paid_at: int | None = None


class PaymentLinkRecord(_Record):
    """A payment link."""

    reference_id: str | None = None
    amount: int | None = None
    amount_paid: int | None = None
    currency: str | None = None
    order_id: str | None = None
    short_url: str | None = None


class RefundRecord(_Record):
    """A refund."""

    payment_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    receipt: str | None = None
    speed_processed: str | None = None


class SubscriptionRecord(_Record):
    """A subscription."""

    plan_id: str | None = None
    customer_id: str | None = None
    current_start: int | None = None
    current_end: int | None = None
    paid_count: int | None = None
    total_count: int | None = None


class SettlementRecord(_Record):
    """Money on its way to the bank account. Razorpay names no currency."""

    amount: int | None = None
    fees: int | None = None
    """Of an instant settlement, beside the fees of its payments."""
    tax: int | None = None
    utr: str | None = None


class DisputeRecord(_Record):
    """A dispute."""

    payment_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason_code: str | None = None
    phase: str | None = None
    respond_by: int | None = None


class Person(OutputModel):
    """The customer, as far as the records say."""

    id: str | None = None
    """Razorpay's id, cust_…"""
    name: str | None = None
    email: str | None = None
    contact: str | None = None


class RazorpayEvent(OutputModel):
    """The facts of every event (see facts.py)."""

    event: str
    merchant_id: str | None = None
    created_at: int | None = None
    account_id: str | None = None
    """Billing account, from the notes."""
    billing_customer_id: str | None = None
    billing_invoice_id: str | None = None
    payment_id: str | None = None
    sale_id: str | None = None
    """Names this sale in every event of it: the billing invoice when it is paid whole, else the payment."""
    amount: str | None = None
    """In major units: what was paid, refunded, disputed or asked for."""
    amount_minor: int | None = None
    settles: str | None = None
    """What it brings to the invoice: the amount, less Razorpay's fee where the customer paid it on top."""
    settles_minor: int | None = None
    net: str | None = None
    """The part before tax, as far as the notes tell; else the whole amount."""
    net_minor: int | None = None
    currency: str | None = None
    customer: Person = Field(default_factory=Person)


class PaymentEvent(RazorpayEvent):
    """A payment happened or failed."""

    payment: PaymentRecord


class OrderEvent(RazorpayEvent):
    """An order was paid."""

    order: OrderRecord
    payment: PaymentRecord | None = None


class InvoiceEvent(RazorpayEvent):
    """An invoice was paid or ran out."""

    invoice: InvoiceRecord
    order: OrderRecord | None = None
    payment: PaymentRecord | None = None


class PaymentLinkEvent(RazorpayEvent):
    """A payment link was paid, cancelled or ran out."""

    payment_link: PaymentLinkRecord
    order: OrderRecord | None = None
    payment: PaymentRecord | None = None


class RefundEvent(RazorpayEvent):
    """Money was given back, or could not be."""

    refund: RefundRecord
    payment: PaymentRecord | None = None


class SubscriptionEvent(RazorpayEvent):
    """A subscription was charged or ended."""

    subscription: SubscriptionRecord
    payment: PaymentRecord | None = None


class DisputeEvent(RazorpayEvent):
    """A customer's bank disputes a payment."""

    dispute: DisputeRecord
    payment: PaymentRecord | None = None


class SettlementEvent(RazorpayEvent):
    """Money was sent to the bank account."""

    settlement: SettlementRecord
