"""Facts for the tests: one invoice of one account, everything about it in minor units, times in days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from affluent.domain.money.effects import Effect, EffectKind, State
from affluent.domain.money.facts import (
    Application,
    Commission,
    CommissionState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Lead,
    Means,
    Payment,
    Refund,
    RefundState,
    VisitorId,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = START + timedelta(days=25)
ACCOUNT = "ACC-1"


def day(number: float) -> datetime:
    """The start of November and so many days."""
    return START + timedelta(days=number)


def at(number: float) -> dict[str, Any]:
    """Happened on a day, and learned then."""
    return {"happened_at": day(number), "learned_at": day(number)}


def invoice(total=118000, net=100000, currency="INR", *, on=0.0, id_="INV-1", state=InvoiceState.OPEN):
    return Invoice(
        source="billing", id=id_, account_id=ACCOUNT, currency=currency, total=total, net=net, state=state,
        issued_at=day(0), **at(on),
    )  # fmt: skip


def paid(amount=118000, currency="INR", *, on=1.0, id_="pay_1", invoice_id="INV-1", channel="gateway", **more):
    return Payment(
        source=channel, id=id_, channel=channel, amount=amount, currency=currency, invoice_id=invoice_id,
        account_id=ACCOUNT, **at(on), **more,
    )  # fmt: skip


def applied(payment_id, amount, *, on=1.0, invoice_id="INV-1", means=Means.MONEY, currency="INR"):
    return Application(
        source="billing", id=f"{payment_id}/{invoice_id}", payment_id=payment_id, invoice_id=invoice_id, amount=amount,
        currency=currency, means=means, **at(on),
    )  # fmt: skip


def refund(amount, *, on=5.0, id_="rfnd_1", payment_id="pay_1", state=RefundState.PROCESSED, currency="INR", **more):
    return Refund(
        source="gateway", id=id_, payment_id=payment_id, amount=amount, currency=currency, state=state, **at(on), **more
    )


def dispute(amount=118000, *, on=6.0, state=DisputeState.OPENED, payment_id="pay_1"):
    return Dispute(
        source="gateway", id="disp_1", payment_id=payment_id, amount=amount, currency="INR", state=state, **at(on)
    )


def lead(*, on=0.0, promoter_id="pro_1"):
    return Lead(source="tracker", id="ref_1", account_id=ACCOUNT, promoter_id=promoter_id, **at(on))


def visitor(*, on=0.0, value="tid_1"):
    return VisitorId(source="billing", id=ACCOUNT, account_id=ACCOUNT, value=value, **at(on))


def effect(kind, key, units, *, state=State.APPLIED, amount=None, currency="INR", on=2.0, **more):
    return Effect(
        kind=kind, key=key, state=state, units=units, amount=units if amount is None else amount, currency=currency,
        about=ACCOUNT if kind is EffectKind.SIGN_UP else "INV-1", answered_at=day(on), **more,
    )  # fmt: skip


def commission(amount=15000, *, state=CommissionState.APPROVED, currency="INR", on=3.0, id_="com_1", **more):
    fields = {"base": 100000, "base_currency": "INR", "promoter_id": "pro_1", "sale_id": "INV-1", "entry_id": "INV-1"}
    return Commission(
        source="tracker", id=id_, amount=amount, currency=currency, state=state, **at(on), **(fields | more)
    )
