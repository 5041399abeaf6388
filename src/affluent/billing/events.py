"""The facts that the workspace tells: an event draft for every kind of change, with account and customer as they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from affluent.billing import payloads as shapes
from affluent.billing import reading
from affluent.billing.views import Account, Credit, Customer, Invoice, Payment, PricePlan, Schedule, Setting
from affluent.domain.event import WORKSPACE, Accepted, EventDraft
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.money import Money

APP = "togai"
Accept = Callable[[Connection, Sequence[EventDraft]], Sequence[Accepted]]
"""Takes the events of a change, in the transaction of the change."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom an event is about."""

    account: Account
    customer: Customer
    customer_settings: tuple[Setting, ...]


def party(connection: Connection, account_id: str) -> Party:
    """The account and its customer as they are now, changes of this transaction included."""
    account = reading.account(connection, account_id)
    owner = reading.customer(connection, account.customer_id)
    settings = reading.settings_of(connection, reading.CUSTOMER, [owner.id])[owner.id]
    return Party(account, owner, tuple(settings))


def customer_created(customer: Customer, settings: Iterable[Setting]) -> EventDraft:
    """customer.created."""
    return EventDraft(
        app=APP,
        source=WORKSPACE,
        type="customer.created",
        external_id=f"customer.created:{customer.id}",
        occurred_at=clock.now(),
        payload=shapes.CustomerCreated(customer=_customer(customer, settings)).model_dump(),
        customer_id=customer.id,
        title=customer.name,
    )


def account_created(about: Party) -> EventDraft:
    """account.created."""
    shape = shapes.AccountCreated(account=_account(about), customer=_owner(about))
    return _draft("account.created", about.account.id, about, shape)


def account_archived(about: Party) -> EventDraft:
    """account.archived."""
    shape = shapes.AccountCreated(account=_account(about), customer=_owner(about))
    return _draft("account.archived", about.account.id, about, shape)


def account_updated(about: Party, changes: Sequence[str]) -> EventDraft:
    """account.updated."""
    shape = shapes.AccountUpdated(account=_account(about), customer=_owner(about), changes=list(changes))
    return _draft("account.updated", new_id("chg"), about, shape)


def price_plan_created(plan: PricePlan) -> EventDraft:
    """price_plan.created."""
    return EventDraft(
        app=APP,
        source=WORKSPACE,
        type="price_plan.created",
        external_id=f"price_plan.created:{plan.id}",
        occurred_at=clock.now(),
        payload=shapes.PricePlanCreated(price_plan=_price_plan(plan)).model_dump(),
        title=plan.name,
    )


def price_plan_moved(kind: str, about: Party, plan: PricePlan, schedule: Schedule, remaining: int) -> EventDraft:
    """price_plan.attached or price_plan.detached."""
    shape = shapes.PricePlanAttached(
        price_plan=_price_plan(plan),
        schedule=shapes.SchedulePart(
            id=schedule.id,
            effective_from=schedule.start_date.isoformat(),
            effective_until=schedule.end_date.isoformat(),
        ),
        remaining_plans=remaining,
        account=_account(about),
        customer=_owner(about),
    )
    return _draft(kind, new_id("chg"), about, shape, subject=plan.name)


def invoice_generated(about: Party, invoice: Invoice) -> EventDraft:
    """invoice.generated: its id allows it once."""
    shape = shapes.InvoiceGenerated(invoice=_invoice(invoice), account=_account(about), customer=_owner(about))
    return _draft(
        "invoice.generated", invoice.id, about, shape, subject=invoice.number or invoice.id, money=invoice.net
    )


def invoice_changed(kind: str, about: Party, invoice: Invoice, previous_status: str) -> EventDraft:
    """invoice.updated, or invoice.paid, whose id allows it once."""
    shape = shapes.InvoiceUpdated(
        invoice=_invoice(invoice), account=_account(about), customer=_owner(about), previous_status=previous_status
    )
    change = invoice.id if kind == "invoice.paid" else new_id("chg")
    return _draft(kind, change, about, shape, subject=invoice.number or invoice.id, money=invoice.net)


def invoice_refunded(about: Party, invoice: Invoice) -> EventDraft:
    """invoice.refunded: all of it, and once."""
    refund = shapes.RefundPart(
        id=f"refund.{invoice.id.partition('.')[2]}",
        net=_text(invoice.net),
        tax=_text(invoice.tax),
        total=_text(invoice.total),
        currency=invoice.currency,
    )
    shape = shapes.InvoiceRefunded(
        invoice=_invoice(invoice), account=_account(about), customer=_owner(about), refund=refund
    )
    return _draft("invoice.refunded", invoice.id, about, shape, subject=invoice.number or invoice.id, money=invoice.net)


def payment_recorded(about: Party, payment: Payment) -> EventDraft:
    """payment.recorded."""
    part = shapes.PaymentPart(
        id=payment.id,
        amount=_text(payment.amount),
        currency=payment.amount.currency,
        source=payment.source_type,
        reference=payment.transaction_number,
        invoice_ids=[line.invoice_id for line in payment.lines],
        lines=[shapes.PaymentLinePart(invoice_id=line.invoice_id, amount=_text(line.amount)) for line in payment.lines],
        created_at=payment.created_at.isoformat(),
    )
    shape = shapes.PaymentRecorded(payment=part, account=_account(about), customer=_owner(about))
    return _draft(
        "payment.recorded", payment.id, about, shape, subject=payment.transaction_number, money=payment.amount
    )


def credit_granted(about: Party, credit: Credit) -> EventDraft:
    """credit.granted."""
    part = shapes.CreditPart(
        id=credit.id,
        amount=_text(credit.amount),
        currency=credit.amount.currency,
        purpose=credit.purpose,
        priority=credit.priority,
        effective_from=credit.effective_from.isoformat(),
        effective_until=credit.effective_until.isoformat() if credit.effective_until else None,
        grantor_id=credit.grantor_id,
    )
    shape = shapes.CreditGranted(credit=part, account=_account(about), customer=_owner(about))
    return _draft("credit.granted", credit.id, about, shape, subject=credit.purpose, money=credit.amount)


def _draft(
    kind: str, change: str, about: Party, shape: shapes.Payload, *, subject: str = "", money: Money | None = None
) -> EventDraft:
    name = about.account.name
    return EventDraft(
        app=APP,
        source=WORKSPACE,
        type=kind,
        external_id=f"{kind}:{change}",
        occurred_at=clock.now(),
        payload=shape.model_dump(),
        account_id=about.account.id,
        customer_id=about.customer.id,
        title=f"{subject} · {name}" if subject else name,
        money=money,
    )


def _customer(customer: Customer, settings: Iterable[Setting]) -> shapes.CustomerPart:
    return shapes.CustomerPart(
        id=customer.id,
        name=customer.name,
        email=customer.email,
        status=customer.status,
        address=dict(customer.address),
        settings={setting.id: setting.value for setting in settings},
        created_at=customer.created_at.isoformat(),
    )


def _owner(about: Party) -> shapes.CustomerPart:
    return _customer(about.customer, about.customer_settings)


def _account(about: Party) -> shapes.AccountPart:
    account = about.account
    return shapes.AccountPart(
        id=account.id,
        name=account.name,
        customer_id=account.customer_id,
        currency=account.currency,
        email=account.email,
        status=account.status,
        settings={setting.id: setting.value for setting in account.settings},
        metadata=dict(account.metadata),
        aliases=[alias.value for alias in account.aliases],
        price_plan_id=account.price_plan_id,
        price_plan_name=account.price_plan_name,
        created_at=account.created_at.isoformat(),
    )


def _price_plan(plan: PricePlan) -> shapes.PricePlanPart:
    return shapes.PricePlanPart(
        id=plan.id,
        name=plan.name,
        type=plan.type,
        status=plan.status,
        version=plan.version,
        currencies=list(plan.currencies),
    )


def _invoice(invoice: Invoice) -> shapes.InvoicePart:
    return shapes.InvoicePart(
        id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        invoice_class=invoice.invoice_class,
        type=invoice.type,
        currency=invoice.currency,
        net=_text(invoice.net),
        tax=_text(invoice.tax),
        total=_text(invoice.total),
        paid=_text(invoice.paid),
        due=_text(invoice.due),
        start_date=invoice.start_at.date().isoformat(),
        end_date=invoice.end_at.date().isoformat(),
        due_date=invoice.due_at.date().isoformat(),
        created_at=invoice.created_at.isoformat(),
        paid_at=_time(invoice.paid_at),
        price_plan_id=invoice.price_plan_id,
        price_plan_name=invoice.price_plan_name,
        line_items=[
            shapes.LinePart(
                description=line.description, net=_text(line.net), tax=_text(line.tax), total=_text(line.net + line.tax)
            )
            for line in invoice.lines
        ],
    )


def _text(money: Money) -> str:
    return format(money.major, "f")


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
