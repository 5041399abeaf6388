"""Razorpay, declared: identity, credentials, errors, and how each action behaves."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from affluent.apps.razorpay import actions, books, money, webhook
from affluent.apps.razorpay.client import auth_failed, read
from affluent.apps.razorpay.schemas import Credentials
from affluent.apps.razorpay.triggers import TRIGGERS
from affluent.sdk import FOREVER, App, Category, Context, Effect, Limit, Retry
from affluent.sdk.facts import EffectKind, PositionCall

_EXISTS = "400 with an earlier one in place"


def _base_url(credentials: Credentials, _server_url: str) -> str:
    return f"{credentials.base_url}/v1"


def _headers(credentials: Credentials) -> Mapping[str, str]:
    pair = f"{credentials.key_id}:{credentials.key_secret.get_secret_value()}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


app = App(
    key="razorpay",
    title="Razorpay",
    description="Customers, invoices, payment links, payments and refunds at the payment gateway, and its webhooks.",
    category=Category.PAYMENTS,
    folder=Path(__file__).parent,
    credentials=Credentials,
    base_url=_base_url,
    headers=_headers,
    limit=Limit(requests=25, per_seconds=1),
    faults={401: auth_failed},
    glyph="credit-card",
    key_help="Razorpay dashboard > Account & Settings > API Keys. The webhook secret is the one you type when adding the webhook.",
    deep_links={"customer": "https://dashboard.razorpay.com/app/customers/{id}"},
    webhook=webhook.SCHEME,
    books=books.BOOKS,
)
app.triggers_are(TRIGGERS)


@app.test
async def test(ctx: Context[Credentials]) -> str:
    """Read one payment: proves both halves of the key and changes nothing."""
    await read(ctx, "/payments", {"count": 1})
    if ctx.credentials.is_live:
        return "Razorpay accepted the key. It is a live key: real money moves."
    return "Razorpay accepted the key. It is a test key: no real money moves."


_FOLLOWS_INVOICE = PositionCall(
    kind=EffectKind.REQUEST, about="billing_invoice_id", smallest=lambda currency: 100 if currency == "INR" else 1
)
app.action(
    "create_customer",
    title="Create a customer",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="create_customer.json",
    key_lasts=FOREVER,  # known by e-mail and phone
    same=("email", "contact"),
    identifies={"customer": "id"},
    answers={
        "200": "The customer, new or the one that was there",
        "400 and the customer exists": "The customer is looked for in Razorpay's list, and counts as made before",
        "other 400": "Data refused: parked, the description names the field",
    },
)(actions.create_customer)
app.action(
    "create_payment_link",
    title="Create a payment link",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="create_payment_link.json",
    key_field="reference",
    key_lasts=FOREVER,  # Razorpay keeps references unique
    same=("email", "contact"),
    money=("amount", "currency"),
    answers={_EXISTS: "Made before: counts as done", "other 400": "Data refused: parked"},
    position=_FOLLOWS_INVOICE,
    facts=money.requested,
)(actions.create_payment_link)
app.action(
    "create_invoice",
    title="Create an invoice",
    effect=Effect.WRITE,
    sample="create_invoice.json",
    key_field="reference",
    same=("customer_id",),
    money=("amount", "currency"),
    look_up=actions.find_invoice,
    answers={
        "found by reference": "Made before: counts as done",
        "no answer": "Looked up by reference before anything is sent again",
    },
    position=_FOLLOWS_INVOICE,
    facts=money.requested,
)(actions.create_invoice)
app.action(
    "issue_invoice",
    title="Issue an invoice",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="issue_invoice.json",
    key_lasts=FOREVER,
    same=("invoice_id",),
    answers={"400 and it is issued": "Issued before: counts as done"},
    facts=money.requested,
)(actions.issue_invoice)
app.action(
    "cancel_invoice",
    title="Cancel an invoice",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="cancel_invoice.json",
    key_lasts=FOREVER,
    same=("invoice_id",),
    answers={"400 and it is cancelled": "Cancelled before: counts as done"},
    facts=money.requested,
)(actions.cancel_invoice)
app.action(
    "withdraw_request",
    title="Withdraw a request for payment",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="withdraw_request.json",
    key_field="request_id",
    key_lasts=FOREVER,
    same=("billing_invoice_id",),
    answers={
        "400 and it is cancelled": "Withdrawn before: counts as done",
        "400 and it is paid": "It stays: its money is recorded",
    },
    position=PositionCall(kind=EffectKind.WITHDRAWAL, about="billing_invoice_id"),
    facts=money.requested,
)(actions.withdraw_request)
app.action(
    "fetch_payment",
    title="Fetch a payment",
    effect=Effect.READ,
    sample="fetch_payment.json",
    facts=money.fetched_payment,
)(actions.fetch_payment)
app.action(
    "refund",
    title="Refund a payment",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="refund.json",
    key_lasts=timedelta(hours=24),  # Razorpay does not say how long
    look_up=actions.find_refund,
    same=("payment_id",),
    money=("amount", "currency"),
    faults={409: Retry},
    answers={
        "409": "The same refund is being made: asked again",
        "no answer for a day": "Looked up by its receipt; without one a person decides",
        "400": "Refused, e.g. more than was paid or after six months: parked",
    },
    facts=money.refunded,
)(actions.refund)
app.action(
    "call",
    title="Call the API",
    effect=Effect.WRITE,
    sample="call.json",
    answers={"no answer to a write": "Unknown: it is shown, and not sent again by itself"},
)(actions.call)
