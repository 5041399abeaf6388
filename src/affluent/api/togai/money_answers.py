"""Invoices, payments and credits in the dialect's words."""

from __future__ import annotations

from datetime import timedelta

from affluent.api.togai.answers import amount, moment, without_none
from affluent.billing.views import Credit, CreditBalance, Invoice, Payment
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money


def listed_invoice(view: Invoice) -> JSONObject:
    """An invoice in a list."""
    return without_none(
        {
            "id": view.id,
            "customerId": view.customer_id,
            "ownerId": view.account_id,
            "pricePlanId": view.price_plan_id,
            "status": view.status,
            "finalizingStatus": "FINALIZED" if view.generated_at else None,
            "invoiceClass": view.invoice_class,
            "invoiceType": view.type,
            "startDate": moment(view.start_at),
            "endDate": moment(view.end_at),
            "endDateInclusive": moment(max(view.start_at, view.end_at - timedelta(microseconds=1))),
            "invoiceDate": moment(view.invoice_at),
            "dueDate": moment(view.due_at),
            "generatedAt": moment(view.generated_at) if view.generated_at else None,
            "updatedAt": moment(view.updated_at),
            "sequenceId": view.number or None,
            "totalAmount": amount(view.total),
            "paidAmount": amount(view.paid),
            "netTermDays": view.net_term_days,
            "invoiceDetails": _details(view),
        }
    )


def invoice(view: Invoice) -> JSONObject:
    """An invoice.

    Its lines and the split into net and tax stand under `metadata`: the vendor's client refuses every line of
    `revenueInfo`, because it demands lines inside the innermost one.
    """
    metadata = {
        "netAmount": amount(view.net),
        "taxAmount": amount(view.tax),
        "dueAmount": amount(view.due),
        "currency": view.currency,
        "lineItems": [
            {"description": line.description, "value": amount(line.net), "taxAmount": amount(line.tax)}
            for line in view.lines
        ],
    }
    if view.paid_at is not None:
        metadata["paidAt"] = moment(view.paid_at)
    return {**listed_invoice(view), "autoAdvance": view.auto_advance, "metadata": metadata}


def payment(view: Payment) -> JSONObject:
    """A payment; the dialect calls its one outside reference `externalPaymentReferences`."""
    return without_none(
        {
            "id": view.id,
            "description": view.description or None,
            "notes": view.notes or None,
            "accountId": view.account_id,
            "externalPaymentReferences": view.reference,
            "lineItemRecords": [
                {"type": "INVOICE", "togaiId": line.invoice_id, "order": line.order, "amount": amount(line.amount)}
                for line in view.lines
            ],
            "totalAmount": amount(view.amount),
            "currency": view.amount.currency,
            "version": 1,
            "createdBy": view.created_by,
            "createdAt": moment(view.created_at),
        }
    )


def credit(view: Credit) -> JSONObject:
    """A credit."""
    nothing = Money(0, view.amount.currency)
    return without_none(
        {
            "id": view.id,
            "accountId": view.account_id,
            "customerId": view.customer_id,
            "purpose": view.purpose,
            "priority": view.priority,
            "creditAmount": amount(view.amount),
            "creditUnit": view.amount.currency,
            "holdAmount": amount(nothing),
            "consumedAmount": amount(nothing),
            "applicableEntityIds": list(view.applicable_entity_ids),
            "effectiveFrom": view.effective_from.isoformat(),
            "effectiveUntil": view.effective_until.isoformat() if view.effective_until else None,
            "grantorId": view.grantor_id or None,
            "idempotencyKey": view.idempotency_key,
            "status": view.status,
            "createdAt": moment(view.created_at),
            "updatedAt": moment(view.updated_at),
        }
    )


def credit_with_transactions(view: Credit) -> JSONObject:
    """A credit with what happened to it."""
    moves = [("CREDITED", view.created_at)] + ([("VOIDED", view.voided_at)] if view.voided_at else [])
    transactions = [
        {
            "id": f"{kind.lower()}.{view.id.partition('.')[2]}",
            "creditId": view.id,
            "transactionType": kind,
            "amount": amount(view.amount),
            "createdAt": moment(at),
        }
        for kind, at in moves
    ]
    return {**credit(view), "transactions": transactions}


def balance(view: CreditBalance) -> JSONObject:
    """What an account's credits come to."""
    return {
        "activeCredits": amount(view.active),
        "availableBalance": amount(view.available),
        "runningBalance": amount(view.active),
        "inapplicableCredits": amount(view.inapplicable),
        "unit": view.active.currency,
        "lastUpdatedAt": moment(view.updated_at),
    }


def _details(view: Invoice) -> JSONObject:
    return without_none(
        {
            "customer": {
                "name": view.customer_name,
                "primaryEmail": view.customer_email,
                "address": dict(view.customer_address),
            },
            "account": {
                "name": view.account_name,
                "invoiceCurrency": view.currency,
                "address": dict(view.account_address),
                "primaryEmail": view.account_email,
            },
            "pricePlanName": view.price_plan_name,
        }
    )
