"""Togai's triggers: the changes of the billing directory."""

from __future__ import annotations

from pydantic import BaseModel

from affluent.apps.togai import events
from affluent.sdk import Subject, Trigger, TriggerKind

_ACCOUNT = Subject(account="account.id", customer="customer.id", title="account.name")
_INVOICE = Subject(
    account="account.id",
    customer="customer.id",
    title="invoice.number",
    name="account.name",
    amount="invoice.net",
    currency="invoice.currency",
)


def _money(part: str, title: str) -> Subject:
    return Subject(
        account="account.id",
        customer="customer.id",
        title=title,
        name="account.name",
        amount=f"{part}.{'net' if part == 'refund' else 'amount'}",
        currency=f"{part}.currency",
    )


def _trigger(
    event: str, title: str, description: str, *, output: type[BaseModel], subject: Subject = _ACCOUNT
) -> Trigger:
    key = event.replace(".", "_")
    return Trigger(
        key=key,
        title=title,
        description=description,
        kind=TriggerKind.INTERNAL,
        event=event,
        sample=f"{key}.json",
        output=output,
        subject=subject,
    )


TRIGGERS = (
    _trigger(
        "customer.created",
        "Customer created",
        "A customer was added. Its first account is created with it and has its own event.",
        output=events.CustomerCreated,
        subject=Subject(customer="customer.id", title="customer.name"),
    ),
    _trigger(
        "account.created",
        "Account created",
        "An account was added to a customer.",
        output=events.AccountEvent,
    ),
    _trigger(
        "account.updated",
        "Account updated",
        "Name, e-mail, settings or metadata of an account changed.",
        output=events.AccountUpdated,
    ),
    _trigger(
        "account.archived",
        "Account archived",
        "An account was closed.",
        output=events.AccountEvent,
    ),
    _trigger(
        "price_plan.created",
        "Price plan created",
        "A price plan was added.",
        output=events.PricePlanCreated,
        subject=Subject(title="price_plan.name"),
    ),
    _trigger(
        "price_plan.attached",
        "Price plan attached",
        "A price plan was attached to an account, from a day on.",
        output=events.PricePlanScheduled,
        subject=Subject(account="account.id", customer="customer.id", title="price_plan.name", name="account.name"),
    ),
    _trigger(
        "price_plan.detached",
        "Price plan detached",
        "A price plan was taken from an account. Without remaining plans the account has left.",
        output=events.PricePlanScheduled,
        subject=Subject(account="account.id", customer="customer.id", title="price_plan.name", name="account.name"),
    ),
    _trigger(
        "invoice.generated",
        "Invoice generated",
        "An invoice or order was made and is due.",
        output=events.InvoiceGenerated,
        subject=_INVOICE,
    ),
    _trigger(
        "invoice.updated",
        "Invoice updated",
        "An invoice changed its status: partially paid, void, uncollectible and so on.",
        output=events.InvoiceChanged,
        subject=_INVOICE,
    ),
    _trigger(
        "invoice.paid",
        "Invoice paid",
        "An invoice was paid in full.",
        output=events.InvoiceChanged,
        subject=_INVOICE,
    ),
    _trigger(
        "invoice.refunded",
        "Invoice refunded",
        "The money of a paid invoice was given back.",
        output=events.InvoiceRefunded,
        subject=_money("refund", "invoice.number"),
    ),
    _trigger(
        "payment.recorded",
        "Payment recorded",
        "Money came in for an account.",
        output=events.PaymentRecorded,
        subject=_money("payment", "payment.reference"),
    ),
    _trigger(
        "credit.granted",
        "Credit granted",
        "An account was given a credit.",
        output=events.CreditGranted,
        subject=_money("credit", "credit.purpose"),
    ),
)
