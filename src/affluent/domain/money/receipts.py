"""What money came for one sale and what of it went back: received, reversed, kept, and what is owed back.

Payments fill the invoice up in the order of time, and a payment that merely names it gives way to one that billing applied. A payment
brings no more than there is room for; the rest is unapplied. Money that went back makes room for money that comes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import ceil

from affluent.domain.money.facts import (
    Application,
    Dispute,
    DisputeState,
    Fact,
    Invoice,
    InvoiceState,
    Means,
    Payment,
    Refund,
    RefundState,
)
from affluent.domain.money.rounding import Exact

BILLING = "billing"
"""Stands as the payment's id where billing says paid and nobody knows of the money."""


@dataclass(slots=True, kw_only=True)
class Receipt:
    """What one payment, credit or withheld tax brings to the sale."""

    payment_id: str
    at: datetime
    means: Means
    channel: str
    offered: int
    """What of it is for this sale."""
    application_id: str = ""
    """Billing's own id of applying it; "" where the payment only names the invoice."""
    offered_elsewhere: int = 0
    unassigned: int = 0
    """What of the payment is for no sale at all."""
    named_invoice: str = ""
    brought: int = 0
    """What there was room for."""

    @property
    def is_applied(self) -> bool:
        return bool(self.application_id)

    @property
    def unapplied(self) -> int:
        return self.offered - self.brought + self.unassigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A fact that took money back: a refund, a lost dispute, or the end of the invoice."""

    id: str
    at: datetime
    payment_id: str
    """"" where the whole sale is meant."""
    amount: int
    is_end: bool = False
    """The invoice was made void or written off: nothing counts any more."""


@dataclass(slots=True, kw_only=True)
class Receipts:
    """The money of one sale."""

    sale_id: str
    account_id: str
    currency: str
    total: int
    net: int
    state: InvoiceState
    issued_at: datetime | None
    receipts: list[Receipt] = field(default_factory=list)
    reversals: list[Reversal] = field(default_factory=list)
    """In the order of time, the end of the invoice last."""

    @property
    def has_ended(self) -> bool:
        return self.state in (InvoiceState.VOID, InvoiceState.WRITTEN_OFF)

    @property
    def received(self) -> int:
        """All that was ever brought to the sale."""
        return sum(receipt.brought for receipt in self.receipts)

    @property
    def is_full(self) -> bool:
        """Whether the sale was paid in full at some moment."""
        return self.received >= self.total > 0

    @property
    def paid_at(self) -> datetime | None:
        """When the last money came."""
        return max((receipt.at for receipt in self.receipts), default=None)

    def reversed(self, known: AbstractSet[str] | None = None) -> Exact:
        """What went back of what was brought, by all reversals or only by those of these ids."""
        used = [reversal for reversal in self.reversals if known is None or reversal.id in known]
        return self._reversed(self.receipts, used)

    def kept(self, payments: AbstractSet[str] | None = None, reversals: AbstractSet[str] | None = None) -> Exact:
        """Received less reversed, of all facts or as if only these payments and reversals were known."""
        some = [receipt for receipt in self.receipts if payments is None or receipt.payment_id in payments]
        used = [reversal for reversal in self.reversals if reversals is None or reversal.id in reversals]
        return min(self.total, sum(receipt.brought for receipt in some) - self._reversed(some, used))

    def base(self, payments: AbstractSet[str] | None = None, reversals: AbstractSet[str] | None = None) -> Exact:
        """The net of what is kept, N · K / T, exact."""
        kept = self.kept(payments, reversals)
        return self.net if kept == self.total else Fraction(self.net * kept) / self.total

    def _reversed(self, receipts: Sequence[Receipt], used: Sequence[Reversal]) -> Exact:
        received = sum(receipt.brought for receipt in receipts)
        if not used or any(reversal.is_end for reversal in used):
            return received if used else 0
        by_payment = sum(self.reversed_of(receipt, used) for receipt in receipts)
        as_a_whole = sum(reversal.amount for reversal in used if not reversal.payment_id)
        return min(received, max(by_payment, as_a_whole))

    def reversed_of(self, receipt: Receipt, used: Sequence[Reversal]) -> Exact:
        """What reversals took back of one receipt. What it had brought too much goes back first."""
        back = sum(reversal.amount for reversal in used if reversal.payment_id == receipt.payment_id)
        if not back or receipt.means is not Means.MONEY:
            return 0
        beyond: Exact = max(0, back - receipt.unapplied)
        if receipt.offered_elsewhere:
            beyond *= Fraction(receipt.offered, receipt.offered + receipt.offered_elsewhere)
        return min(receipt.brought, beyond)

    def owed_back(self, receipt: Receipt) -> int:
        """What of a payment is still with us and belongs to no sale."""
        back = sum(reversal.amount for reversal in self.reversals if reversal.payment_id == receipt.payment_id)
        if receipt.means is not Means.MONEY or receipt.payment_id == BILLING:
            return 0
        if self.state is InvoiceState.VOID:
            return max(0, receipt.offered + receipt.unassigned - back)
        return max(0, receipt.unapplied - back)


def receipts_of(sale_id: str, states: Sequence[Fact]) -> Receipts | None:
    """The money of one sale; None while neither its invoice nor a payment for it is known. `states` are current.

    A payment that settles no known invoice is a sale of its own, under its own id. Money of another currency than the invoice's
    brings nothing to it: a person decides what it is worth.
    """
    invoice = next((fact for fact in states if isinstance(fact, Invoice) and fact.id == sale_id), None)
    if invoice is None:
        own = next((fact for fact in states if isinstance(fact, Payment) and fact.id == sale_id), None)
        return _of_payment(own, states) if own is not None else None
    sale = Receipts(
        sale_id=sale_id,
        account_id=invoice.account_id,
        currency=invoice.currency,
        total=invoice.total,
        net=invoice.net,
        state=invoice.state,
        issued_at=invoice.issued_at or invoice.happened_at,
    )
    sale.receipts = _in_its_currency(sale_id, invoice.currency, states)
    sale.reversals = _reversals(sale_id, states, {receipt.payment_id for receipt in sale.receipts})
    _fill(sale)
    if invoice.state is InvoiceState.PAID and sale.received < sale.total:
        rest = sale.total - sale.received
        sale.receipts.append(
            Receipt(
                payment_id=BILLING, at=invoice.happened_at, means=Means.MONEY, channel="", offered=rest, brought=rest
            )
        )
    if sale.has_ended:
        end = Reversal(id=f"{sale_id}:{invoice.state}", at=invoice.happened_at, payment_id="", amount=0, is_end=True)
        sale.reversals.append(end)
    return sale


def _in_its_currency(sale_id: str, currency: str, states: Sequence[Fact]) -> list[Receipt]:
    """What was applied to an invoice, and the payments that only name it, in the order of time."""
    payments = {fact.id: fact for fact in states if isinstance(fact, Payment)}
    foreign = {id_ for id_, payment in payments.items() if payment.currency != currency}
    applications = [
        fact
        for fact in states
        if isinstance(fact, Application) and fact.currency == currency and fact.payment_id not in foreign
    ]
    settled = {fact.payment_id for fact in applications if fact.amount} | foreign
    own = [fact for fact in applications if _is_of(fact, sale_id)]
    applied = [_applied(fact, payments.get(fact.payment_id), applications) for fact in own]
    naming = [fact for id_, fact in payments.items() if fact.invoice_id == sale_id and id_ not in settled]
    return sorted([*applied, *map(_naming, naming)], key=_order)


def _of_payment(payment: Payment, states: Sequence[Fact]) -> Receipts:
    net = payment.offered if payment.net is None else payment.net
    sale = Receipts(
        sale_id=payment.id,
        account_id=payment.account_id,
        currency=payment.currency,
        total=payment.offered,
        net=net,
        state=InvoiceState.PAID,
        issued_at=payment.happened_at,
        receipts=[_naming(payment)],
        reversals=_reversals("", states, {payment.id}),
    )
    _fill(sale)
    return sale


def _is_of(application: Application, sale_id: str) -> bool:
    return application.invoice_id == sale_id and application.amount > 0


def _applied(application: Application, payment: Payment | None, applications: Sequence[Application]) -> Receipt:
    same = [other for other in applications if other.payment_id == application.payment_id and other.amount > 0]
    assigned = sum(other.amount for other in same)
    first = min(same, key=lambda other: (other.happened_at, other.invoice_id))
    spare = max(0, payment.offered - assigned) if payment is not None else 0
    return Receipt(
        payment_id=application.payment_id,
        at=payment.happened_at if payment is not None else application.happened_at,
        means=application.means,
        channel=payment.channel if payment is not None else "",
        application_id=application.id,
        offered=application.amount,
        offered_elsewhere=assigned - application.amount,
        unassigned=spare if application.thing == first.thing else 0,
        named_invoice=payment.invoice_id if payment is not None else "",
    )


def _naming(payment: Payment) -> Receipt:
    return Receipt(
        payment_id=payment.id,
        at=payment.happened_at,
        means=Means.MONEY,
        channel=payment.channel,
        offered=payment.offered,
        named_invoice=payment.invoice_id,
    )


def _order(receipt: Receipt) -> tuple[datetime, str]:
    return receipt.at, receipt.payment_id


def _reversals(sale_id: str, states: Sequence[Fact], payment_ids: AbstractSet[str]) -> list[Reversal]:
    reversals = []
    for fact in states:
        match fact:
            case Refund(state=RefundState.PROCESSED) if fact.payment_id in payment_ids:
                reversals.append(
                    Reversal(id=fact.id, at=fact.happened_at, payment_id=fact.payment_id, amount=fact.amount)
                )
            case Refund(state=RefundState.PROCESSED, payment_id="") if fact.invoice_id == sale_id != "":
                reversals.append(Reversal(id=fact.id, at=fact.happened_at, payment_id="", amount=fact.amount))
            case Dispute(state=DisputeState.LOST) if fact.payment_id in payment_ids:
                reversals.append(
                    Reversal(id=fact.id, at=fact.happened_at, payment_id=fact.payment_id, amount=fact.amount)
                )
            case _:
                pass
    return reversals


def _fill(sale: Receipts) -> None:
    for number, receipt in enumerate(sale.receipts):
        before = [reversal for reversal in sale.reversals if reversal.at < receipt.at]
        earlier = sale.receipts[:number]
        others = [item for item in earlier if item.is_applied or not receipt.is_applied]
        filled = sum(item.brought - sale.reversed_of(item, before) for item in others)
        room = max(0, sale.total - filled)
        receipt.brought = min(receipt.offered, int(room))  # whole units: what is less than one brings nothing
        for item in reversed(earlier):
            if receipt.is_applied and not item.is_applied:
                _give_way(sale, item, sale.receipts[: number + 1], before)


def _give_way(sale: Receipts, receipt: Receipt, filled: Sequence[Receipt], before: Sequence[Reversal]) -> None:
    """Take back from a payment that only names the invoice what is too much now. What is taken becomes unapplied."""
    while receipt.brought:
        kept = sum(item.brought - sale.reversed_of(item, before) for item in filled)
        if kept <= sale.total:
            return
        receipt.brought -= min(receipt.brought, ceil(kept - sale.total))
