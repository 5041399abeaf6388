"""Actions on invoices, payments and credits. Amounts come in minor units and go out as exact decimals."""

from __future__ import annotations

from affluent.apps.togai.client import Ctx, at, major, pages, read
from affluent.apps.togai.schemas import (
    CreditRecord,
    InvoiceRecord,
    InvoiceRef,
    NewCredit,
    NewPayment,
    PaymentRecord,
)
from affluent.kit.jsons import JSONObject, number, text_of
from affluent.kit.money import Money
from affluent.sdk import AlreadyApplied, OutcomeUnknown, Rejected


async def get_invoice(ctx: Ctx, wanted: InvoiceRef) -> InvoiceRecord:
    """Read an invoice with its status and amounts."""
    said = await read(ctx, at("invoices", wanted.invoice_id))
    details = said.get("invoiceDetails") or {}
    currency = text_of((details.get("account") or {}).get("invoiceCurrency"))
    return InvoiceRecord(
        invoice_id=said["id"],
        number=text_of(said.get("sequenceId")),
        status=text_of(said.get("status")),
        account_id=text_of(said.get("ownerId")),
        customer_id=text_of(said.get("customerId")),
        currency=currency,
        total=major(said.get("totalAmount"), currency),
        paid=major(said.get("paidAmount"), currency),
        due_date=said.get("dueDate"),
        price_plan_id=said.get("pricePlanId"),
        pdf_url=said.get("pdfUrl"),
    )


async def find_payment(ctx: Ctx, wanted: NewPayment) -> PaymentRecord | None:
    """The payment with this transaction number, when it was recorded before."""
    async for said in pages(ctx, "/payments", account_id=wanted.account_id):
        reference = said.get("externalPaymentReferences") or {}
        if reference.get("transactionNumber") == wanted.transaction_number:
            _refuse_other_money(said, wanted)
            return _payment(said, wanted)
    return None


def _refuse_other_money(said: JSONObject, wanted: NewPayment) -> None:
    """A transaction number that was used for other money must not pass for this payment."""
    lines = [line for line in said.get("lineItemRecords") or [] if line.get("togaiId") == wanted.invoice_id]
    currency = text_of(said.get("currency")) or wanted.currency
    known = [major(value, currency) for value in (said.get("totalAmount"), *(line.get("amount") for line in lines))]
    amount = str(Money(wanted.amount, wanted.currency).major)
    if currency != wanted.currency or amount not in known:
        raise Rejected(
            f"amount: Togai has {text_of(said.get('id'))} with the transaction number {wanted.transaction_number!r} for"
            f" {known[0]} {currency}, and this payment is {amount} {wanted.currency}. Nothing was recorded.",
            field="amount",
        )


async def record_payment(ctx: Ctx, new: NewPayment) -> PaymentRecord:
    """Record money that came in for an invoice, which marks it paid or partially paid. A transaction is recorded once."""
    there = await find_payment(ctx, new)
    if there is not None:
        raise AlreadyApplied("A payment with this transaction number is recorded already.", output=there)
    amount = number(Money(new.amount, new.currency).major)
    body = {
        "accountId": new.account_id,
        "currency": new.currency,
        "totalAmount": amount,
        "externalPaymentReference": {
            "sourceName": new.source_name,
            "sourceType": new.source_type,
            "transactionNumber": new.transaction_number,
        },
        "lineItemRecords": [{"type": "INVOICE", "order": 1, "togaiId": new.invoice_id, "amount": amount}],
        "description": new.description or f"{new.source_name} {new.transaction_number}",
    }
    said = (await ctx.http.request("POST", "/payments", json=body)).json()
    if not isinstance(said, dict) or "id" not in said:
        raise OutcomeUnknown("Togai's answer to this payment cannot be read; it is looked up before it is sent again.")
    return _payment(said, new)


async def find_credit(ctx: Ctx, wanted: NewCredit) -> CreditRecord | None:
    """The credit with our idempotency key, when it was granted before."""
    async for said in pages(ctx, "/credits", account_id=wanted.account_id):
        if said.get("idempotencyKey") == ctx.effect_key:
            return _credit(said, wanted)
    return None


async def grant_credit(ctx: Ctx, new: NewCredit) -> CreditRecord:
    """Give an account a credit in its own currency. Repeats carry the same idempotency key."""
    account = await read(ctx, at("accounts", new.account_id))
    currency = text_of(account.get("invoiceCurrency")).upper()
    if currency and currency != new.currency:
        raise Rejected(
            f"The account is billed in {currency} and the credit is in {new.currency}; Togai does not convert.",
            field="currency",
        )
    wanted: JSONObject = {
        "accountId": new.account_id,
        "purpose": new.purpose,
        "priority": new.priority,
        "creditAmount": number(Money(new.amount, new.currency).major),
        "effectiveFrom": (new.effective_from or ctx.now.date()).isoformat(),
        "idempotencyKey": ctx.effect_key,
    }
    if new.effective_until is not None:
        wanted["effectiveUntil"] = new.effective_until.isoformat()
    if new.grantor_id:
        wanted["grantorId"] = new.grantor_id
    answer = (await ctx.http.request("POST", "/credits", json={"creditRequests": [wanted]})).json()
    granted = answer.get("credits") if isinstance(answer, dict) else answer  # the description shows both
    said = granted[0] if isinstance(granted, list) and granted else None
    if not isinstance(said, dict) or not text_of(said.get("id")):
        raise OutcomeUnknown(
            "Togai's answer to this credit cannot be read; it is asked for again under the same idempotency key."
        )
    return _credit(said, new)


def _credit(said: JSONObject, wanted: NewCredit) -> CreditRecord:
    return CreditRecord(
        credit_id=text_of(said.get("id")),
        account_id=wanted.account_id,
        amount=str(Money(wanted.amount, wanted.currency).major),
        currency=wanted.currency,
        status=text_of(said.get("status")),
    )


def _payment(said: JSONObject, wanted: NewPayment) -> PaymentRecord:
    lines = said.get("lineItemRecords") or []
    paid = [text_of(line.get("togaiId")) for line in lines if line.get("type") == "INVOICE"]
    currency = text_of(said.get("currency")) or wanted.currency
    return PaymentRecord(
        payment_id=text_of(said.get("id")),
        account_id=text_of(said.get("accountId")) or wanted.account_id,
        invoice_id=next(iter(paid), wanted.invoice_id),
        amount=major(said.get("totalAmount"), currency),
        currency=currency,
        transaction_number=wanted.transaction_number,
    )
