"""Togai's triggers: the changes of the billing directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel

from affluent.apps.togai import enrichment as wholes
from affluent.apps.togai import events, money, polls, webhook
from affluent.kit.jsons import JSONObject
from affluent.sdk import Incoming, Subject, Trigger, TriggerKind
from affluent.sdk.facts import Fact, Origin
from affluent.sdk.inbound import Poll

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


def _trigger(  # noqa: PLR0913 - the declaration of a trigger is one flat list of facts
    event: str,
    title: str,
    description: str,
    *,
    output: type[BaseModel],
    subject: Subject = _ACCOUNT,
    poll: Poll | None = None,
    detail: Callable[[Any, Incoming], Awaitable[Incoming]] | None = None,
    facts: Callable[[JSONObject, Origin], Sequence[Fact]] | None = None,
    of: tuple[str, ...] = (),
    sample: str = "",
) -> Trigger:
    key = event.replace(".", "_")
    return Trigger(
        key=key,
        title=title,
        description=description,
        kind=TriggerKind.INTERNAL,
        event=event,
        sample=sample or f"{key}.json",
        output=output,
        subject=subject,
        poll=poll,
        poll_detail=detail,
        facts=facts,
        of=of,
    )


TRIGGERS = (
    _trigger(
        "customer.created",
        "Customer created",
        "A customer was added. Its first account is created with it and has its own event.",
        output=events.CustomerCreated,
        subject=Subject(customer="customer.id", title="customer.name"),
        poll=polls.customers,
        detail=wholes.whole_customer,
    ),
    _trigger(
        "account.created",
        "Account created",
        "An account was added to a customer.",
        output=events.AccountEvent,
        poll=polls.accounts,
        detail=wholes.whole_account,
        facts=money.account_event,
    ),
    _trigger(
        "account.updated",
        "Account updated",
        "Name, e-mail, settings or metadata of an account changed.",
        output=events.AccountUpdated,
        facts=money.account_event,
    ),
    _trigger(
        "account.archived",
        "Account archived",
        "An account was closed.",
        output=events.AccountEvent,
        facts=money.account_archived,
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
        poll=polls.plans_attached,
        detail=wholes.whole_schedule,
        facts=money.plan_attached,
    ),
    _trigger(
        "price_plan.detached",
        "Price plan detached",
        "A price plan was taken from an account. Without remaining plans the account has left.",
        output=events.PricePlanScheduled,
        subject=Subject(account="account.id", customer="customer.id", title="price_plan.name", name="account.name"),
        poll=polls.plans_detached,
        detail=wholes.whole_schedule,
        facts=money.plan_detached,
    ),
    _trigger(
        "invoice.generated",
        "Invoice generated",
        "An invoice or order was made and is due.",
        output=events.InvoiceGenerated,
        subject=_INVOICE,
        poll=polls.invoices_generated,
        detail=wholes.whole_invoice,
        facts=money.invoice_event,
    ),
    _trigger(
        "invoice.open_changed",
        "Open amount of an invoice changed",
        "An invoice was made, paid in whole or in part, made void or written off: what its customer owes is another amount.",
        output=events.InvoiceGenerated,
        subject=_INVOICE,
        poll=polls.invoices_open,
        detail=wholes.whole_invoice,
        facts=money.invoice_event,
        of=("invoice.generated", "invoice.updated", "invoice.paid"),
        sample="invoice_generated.json",
    ),
    _trigger(
        "invoice.updated",
        "Invoice updated",
        "An invoice changed its status: partially paid, void, uncollectible and so on.",
        output=events.InvoiceChanged,
        subject=_INVOICE,
        poll=polls.invoices_updated,
        detail=wholes.whole_invoice,
        facts=money.invoice_event,
    ),
    _trigger(
        "invoice.paid",
        "Invoice paid",
        "An invoice was paid in full.",
        output=events.InvoiceChanged,
        subject=_INVOICE,
        poll=polls.invoices_paid,
        detail=wholes.whole_invoice,
        facts=money.invoice_event,
    ),
    _trigger(
        "invoice.refunded",
        "Invoice refunded",
        "The money of a paid invoice was given back.",
        output=events.InvoiceRefunded,
        subject=_money("refund", "invoice.number"),
        poll=polls.invoices_refunded,
        detail=wholes.whole_invoice,
        facts=money.invoice_event,
    ),
    _trigger(
        "payment.recorded",
        "Payment recorded",
        "Money came in for an account.",
        output=events.PaymentRecorded,
        subject=_money("payment", "payment.reference"),
        poll=polls.payments,
        detail=wholes.whole_payment,
        facts=money.payment_event,
    ),
    _trigger(
        "credit.granted",
        "Credit granted",
        "An account was given a credit.",
        output=events.CreditGranted,
        subject=_money("credit", "credit.purpose"),
        poll=polls.credits_granted,
        detail=wholes.whole_credit,
        facts=money.credit_event,
    ),
    Trigger(
        key="webhook_received",
        title="Togai webhook",
        description="A flow made in Togai's own No-Code Center posted to this flow connection's address; its body is mapped here.",
        kind=TriggerKind.WEBHOOK,
        event=webhook.RECEIVED,
        sample="webhook.json",
        output=webhook.Received,
    ),
    Trigger(
        key="existing_account",
        title="Existing accounts",
        description="Trigger now without a payload lists every account once, behind live traffic; with one it runs that account.",
        kind=TriggerKind.MANUAL,
        event="account.listed",
        sample="account_created.json",
        output=events.AccountEvent,
        subject=_ACCOUNT,
        poll=polls.accounts,
        poll_detail=wholes.whole_account,
        facts=money.account_event,
    ),
)
