"""What Razorpay does for a flow: one typed function an action. How they are declared is in app.py."""

from __future__ import annotations

from collections.abc import Collection

from affluent.apps.razorpay import client
from affluent.apps.razorpay.client import Ctx
from affluent.apps.razorpay.facts import facts_of, fees, is_part, major, notes_of, part_of
from affluent.apps.razorpay.schemas import (
    Customer,
    Invoice,
    NewCustomer,
    NewInvoice,
    NewPaymentLink,
    NewRefund,
    OneInvoice,
    OnePayment,
    Payment,
    PaymentLink,
    RawAnswer,
    RawCall,
    Refund,
    Withdrawal,
    clean_name,
)
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk import AlreadyApplied, NotApplicable, OutcomeUnknown, Rejected

_REFERENCE = "affluent_reference"
"""Note that names our reference, because a receipt may not be kept."""
_ISSUED = ("issued", "partially_paid", "paid", "expired")
_CANCELLED = ("cancelled",)
_CUSTOMER_EXISTS = "customer already exists"
"""What Razorpay's description says, in small letters; its error has no code of its own for this."""


async def create_customer(ctx: Ctx, customer: NewCustomer) -> Customer:
    """Make a customer known at Razorpay, or find the one with this e-mail and phone.

    Razorpay documents that `fail_existing: "0"` answers with the customer that exists; merchants report that it answers
    400 "Customer already exists for the merchant" all the same. The customer is then looked for in Razorpay's list.
    """
    body = {
        "name": clean_name(customer.name),
        "email": customer.email,
        "contact": customer.contact,
        "gstin": customer.gstin,
        "notes": customer.notes,
        "fail_existing": "0",
    }
    try:
        return Customer.model_validate(await client.write(ctx, "POST", "/customers", body))
    except Rejected as error:
        if _CUSTOMER_EXISTS not in error.message.lower():
            raise
        known = await client.existing_customer(ctx, email=customer.email, contact=customer.contact)
        raise AlreadyApplied(
            "Razorpay knows this customer already.", output=Customer.model_validate(known), status=error.status
        ) from None


async def create_payment_link(ctx: Ctx, link: NewPaymentLink) -> PaymentLink:
    """Make a page where a customer pays one amount; Razorpay refuses a second one with the same reference."""
    body = {
        "reference_id": link.reference,
        "amount": link.amount,
        "currency": link.currency.upper(),
        "description": link.description,
        "expire_by": link.expire_by,
        "accept_partial": link.is_partial_allowed,
        "customer": client.filled({"name": clean_name(link.name), "email": link.email, "contact": link.contact}),
        "notify": {"email": link.is_emailed, "sms": link.is_texted},
        "reminder_enable": False,
        "callback_url": link.callback_url,
        "callback_method": "get" if link.callback_url else None,
        "notes": link.notes,
    }
    try:
        return _link(await client.write(ctx, "POST", "/payment_links", body))
    except Rejected:
        earlier = await client.found_payment_link(ctx, link.reference)
        if earlier is None:
            raise
        _same_money(earlier, link)
        raise AlreadyApplied("A payment link with this reference is there already.", output=_link(earlier)) from None


async def create_invoice(ctx: Ctx, invoice: NewInvoice) -> Invoice:
    """Make an invoice with one line, unless there is one with this reference; the customer pays it at its short_url."""
    earlier = await find_invoice(ctx, invoice)
    if earlier is not None:
        raise AlreadyApplied("An invoice with this reference is there already.", output=earlier)
    currency = invoice.currency.upper()
    body = {
        "type": "invoice",
        "customer_id": invoice.customer_id,
        "line_items": [{"name": invoice.line, "amount": invoice.amount, "currency": currency, "quantity": 1}],
        "currency": currency,
        "receipt": invoice.reference,
        "description": invoice.description,
        "expire_by": invoice.expire_by,
        "draft": "1" if invoice.is_draft else None,
        "partial_payment": invoice.is_partial_allowed,
        "email_notify": invoice.is_emailed,
        "sms_notify": invoice.is_texted,
        "notes": {_REFERENCE: invoice.reference, **invoice.notes},
    }
    return _invoice(await client.write(ctx, "POST", "/invoices", body, lost=OutcomeUnknown))


async def find_invoice(ctx: Ctx, invoice: NewInvoice) -> Invoice | None:
    """The invoice that an earlier try made, if it did."""
    found = await client.found_invoice(ctx, invoice.reference, invoice.customer_id)
    if found is None:
        return None
    _same_money(found, invoice)
    return _invoice(found)


async def issue_invoice(ctx: Ctx, one: OneInvoice) -> Invoice:
    """Issue a draft: from now on it can be paid."""
    return await _moved(ctx, one, "issue", _ISSUED)


async def cancel_invoice(ctx: Ctx, one: OneInvoice) -> Invoice:
    """Withdraw an invoice that nobody has paid: it cannot be paid any more."""
    return await _moved(ctx, one, "cancel", _CANCELLED)


async def withdraw_request(ctx: Ctx, withdrawal: Withdrawal) -> Invoice:
    """Withdraw the invoice or payment link that asks for another amount than is open, so that it cannot be paid any more.

    One that was paid meanwhile stays: its money is settled by whoever records it.
    """
    kind = "payment_links" if withdrawal.request_id.startswith("plink_") else "invoices"
    path = f"/{kind}/{withdrawal.request_id}"
    try:
        return _invoice(await client.write(ctx, "POST", f"{path}/cancel"))
    except Rejected as refused:
        try:
            standing = await client.read(ctx, path)
        except Rejected:
            raise refused from None
        if standing.get("status") in _CANCELLED:
            raise AlreadyApplied("It is withdrawn already.", output=_invoice(standing)) from None
        if standing.get("status") in ("paid", "expired"):
            raise NotApplicable(f"It cannot be withdrawn: it is {standing['status']}.") from None
        raise


async def fetch_payment(ctx: Ctx, one: OnePayment) -> Payment:
    """Read a payment as it stands now, and whose sale it was: from its notes, or those of its invoice, order or link."""
    payment = await client.read(ctx, f"/payments/{one.payment_id}")
    entities = await client.with_context(ctx, payment)
    facts = facts_of(entities)
    net, before = facts["net_minor"], 0
    if is_part(entities):
        net, before = part_of(entities, await client.payments_of_order(ctx, payment))
    known = {name: facts[name] for name in _FACTS} | dict(zip(("fee", "tax"), fees(payment), strict=True))
    return Payment.model_validate(
        {**payment, **known, "net_minor": net, "net": major(net, facts["currency"]), "net_before_minor": before}
    )


async def refund(ctx: Ctx, given: NewRefund) -> Refund:
    """Give a payment back, whole or in part. Razorpay allows it for six months."""
    body = {
        "amount": given.amount,
        "speed": "optimum" if given.is_instant else "normal",
        "receipt": given.receipt,
        "notes": given.notes,
    }
    headers = {"X-Refund-Idempotency": client.refund_key(ctx.effect_key)}
    path = f"/payments/{given.payment_id}/refund"
    return Refund.model_validate(await client.write(ctx, "POST", path, body, headers=headers))


async def find_refund(ctx: Ctx, given: NewRefund) -> Refund | None:
    """The refund with our receipt, when it was made before; one without a receipt looks like any other."""
    if not given.receipt:
        raise OutcomeUnknown("Razorpay's refunds are told apart by their receipt, and this one has none.")
    found = await client.found_refund(ctx, given.payment_id, given.receipt)
    return Refund.model_validate(found) if found is not None else None


async def call(ctx: Ctx, wanted: RawCall) -> RawAnswer:
    """Any request to Razorpay's API; what it writes is not looked up when an answer is lost."""
    response = await ctx.http.request(wanted.method, wanted.path, query=dict(wanted.query) or None, json=wanted.body)
    return RawAnswer(status=response.status, body=response.json())


_FACTS = ("account_id", "billing_customer_id", "billing_invoice_id", "sale_id", "settles_minor")


async def _moved(ctx: Ctx, one: OneInvoice, move: str, done: Collection[str]) -> Invoice:
    """Move an invoice; one that stands there already was moved before."""
    try:
        return _invoice(await client.write(ctx, "POST", f"/invoices/{one.invoice_id}/{move}"))
    except Rejected as refused:
        try:
            standing = await client.read(ctx, f"/invoices/{one.invoice_id}")
        except Rejected:
            raise refused from None
        if standing.get("status") not in done:
            raise
        raise AlreadyApplied(f"The invoice is {standing['status']} already.", output=_invoice(standing)) from None


def _same_money(earlier: JSONObject, wanted: NewInvoice | NewPaymentLink) -> None:
    """A reference that was used for other money must not pass for ours."""
    known = (earlier.get("amount"), text_of(earlier.get("currency")).upper())
    if known != (wanted.amount, wanted.currency.upper()):
        raise Rejected(
            f"Razorpay has {earlier.get('id')} with the reference {wanted.reference!r} for another amount: "
            f"{known[0]} {known[1]} instead of {wanted.amount} {wanted.currency.upper()} minor units.",
            field="reference",
        )


def _invoice(record: JSONObject) -> Invoice:
    notes = notes_of(record)
    reference = record.get("receipt") or record.get("invoice_number") or notes.get(_REFERENCE)
    return Invoice.model_validate(
        {**record, "reference": reference, "billing_invoice_id": notes.get("togai_invoice_id")}
    )


def _link(record: JSONObject) -> PaymentLink:
    billing_invoice_id = notes_of(record).get("togai_invoice_id")
    return PaymentLink.model_validate(
        {**record, "reference": record.get("reference_id"), "billing_invoice_id": billing_invoice_id}
    )
