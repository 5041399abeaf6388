"""What systems say about money: one class for each kind of fact.

    billing    Invoice, Application, PaymentRequest, CreditGrant, Cancellation
    gateway    Payment, Refund, Dispute, Settlement
    tracker    Lead, Entry, Commission
    sign-up    VisitorId
    a person   Resolution

A fact is what one system said of one thing: `source` is the system (not whether a webhook, a poll or a list brought it), `id`
its own id of the thing. A later state of the same thing replaces the earlier one in every computation, whatever the order in
which they come; `current` chooses. Amounts are whole minor units. What a vendor counts in units of its own says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What all facts have."""

    source: str
    """The system that said it, e.g. the id of a connection."""
    id: str
    """That system's id of the thing; a second system that repeats the first one's id (a payment's) uses that."""
    happened_at: datetime
    """When the thing came to be as it is said to be."""
    learned_at: datetime
    """When we were told; it decides nothing but in which period the fact can be posted."""
    corrects: str = ""
    """The id of what this corrects, whatever the month."""

    @property
    def thing(self) -> tuple[str, str, str]:
        """What the fact is about; two facts of one thing are two states of it."""
        return type(self).__name__, self.source, self.id

    @property
    def stage(self) -> int:
        """How far the state is along a way that has no return; a higher one replaces a lower one, whatever their times."""
        return 0

    def after(self, earlier: Self) -> Self:  # noqa: ARG002 - the kinds that leave things out need it
        """This state, with what it leaves out and an earlier one said: a system does not repeat everything each time."""
        return self


class InvoiceState(StrEnum):
    """Where billing has an invoice."""

    OPEN = "open"
    PAID = "paid"
    """Billing says paid; whether money is known for it is another question."""
    VOID = "void"
    WRITTEN_OFF = "written off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Fact):
    """An invoice of billing, whole; `id` is the sale's."""

    account_id: str
    currency: str
    total: int
    """With tax, after discounts."""
    net: int
    """Without tax."""
    state: InvoiceState = InvoiceState.OPEN
    issued_at: datetime | None = None
    lines: tuple[int, ...] = ()
    """Nets of the lines."""
    number: str = ""

    @property
    def tax(self) -> int:
        return self.total - self.net


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Fact):
    """Money that came in, captured."""

    channel: str
    """Where it came in: a gateway, or BANK."""
    amount: int
    """All that the customer gave, a fee on top included."""
    currency: str
    net: int | None = None
    """Of a payment that settles no invoice: its amount without tax, where it is known."""
    fee_on_customer: int = 0
    """The part of the amount that is the gateway's fee, put on top for the customer."""
    fee: int = 0
    """What the gateway keeps, tax on it included."""
    fee_tax: int = 0
    invoice_id: str = ""
    """The invoice that the payment names; billing's applications go before it."""
    account_id: str = ""

    @property
    def offered(self) -> int:
        """What it brings to invoices."""
        return self.amount - self.fee_on_customer

    def after(self, earlier: Self) -> Self:
        return replace(
            self,
            net=earlier.net if self.net is None else self.net,
            invoice_id=self.invoice_id or earlier.invoice_id,
            account_id=self.account_id or earlier.account_id,
        )


BANK = "bank"
"""The channel of money that is in the bank as it comes."""


class Means(StrEnum):
    """With what an invoice is settled."""

    MONEY = "money"
    CREDIT = "credit"
    WITHHELD_TAX = "withheld tax"
    """The customer kept it back and pays it to the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Fact):
    """Billing applied a payment, a credit or withheld tax to an invoice. An amount of 0 takes the application back."""

    payment_id: str
    invoice_id: str
    amount: int
    currency: str
    means: Means = Means.MONEY


class RefundState(StrEnum):
    """Where a refund stands; only a processed one has given money back."""

    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Fact):
    """Money given back of a payment. Where billing says only that an invoice's money went back, it names the invoice."""

    payment_id: str = ""
    invoice_id: str = ""
    amount: int
    currency: str
    state: RefundState = RefundState.PROCESSED

    @property
    def stage(self) -> int:
        return list(RefundState).index(self.state)


class DisputeState(StrEnum):
    """Where a dispute stands; only a lost one has taken money back."""

    OPENED = "opened"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(Fact):
    """A customer's bank asks for a payment back."""

    payment_id: str
    amount: int
    currency: str
    state: DisputeState = DisputeState.OPENED

    @property
    def stage(self) -> int:
        return 0 if self.state is DisputeState.OPENED else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement(Fact):
    """A gateway moved money to the bank."""

    channel: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorId(Fact):
    """A visitor id or referral id of a promoter was saved on the account, its customer, checkout or subscription."""

    account_id: str
    value: str
    name: str = ""
    """The setting that holds it."""


class LeadState(StrEnum):
    """Whether the tracker has the customer."""

    KNOWN = "known"
    ABSENT = "absent"
    """It was looked up and is not there, or the tracker denies it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(Fact):
    """The tracker names the customer as referred, or not; `id` is the referral's there, or the account's."""

    account_id: str
    promoter_id: str = ""
    state: LeadState = LeadState.KNOWN

    def after(self, earlier: Self) -> Self:
        return replace(self, promoter_id=self.promoter_id or earlier.promoter_id)


class EntryState(StrEnum):
    """Whether the tracker lists what was told."""

    HELD = "held"
    ABSENT = "absent"
    """Its list was read whole and believed, and does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Fact):
    """The tracker lists a sale or a refund under the key it was told by; `id` is that key."""

    sale_id: str
    """The sale it belongs to: of a refund, the one that it names."""
    units: int
    """As the tracker counts, in the currency it was told in; never negative."""
    currency: str
    """"" where the tracker does not name it: it is the one that the sale was told in."""
    is_refund: bool = False
    account_id: str = ""
    state: EntryState = EntryState.HELD

    def after(self, earlier: Self) -> Self:
        return replace(self, sale_id=self.sale_id or earlier.sale_id, account_id=self.account_id or earlier.account_id)


class CommissionState(StrEnum):
    """Where the tracker has a commission."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    PAID = "paid"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission(Fact):
    """What a promoter earns of an entry at the tracker, as the tracker states it; negative: it takes back."""

    entry_id: str
    """The key of the sale or refund; "" when it is for none."""
    sale_id: str
    promoter_id: str
    amount: int
    currency: str
    """"" where the tracker names none."""
    state: CommissionState
    base: int = 0
    """The sale as the tracker states it, in `base_currency`."""
    base_currency: str = ""
    is_cash: bool = True
    """False: credits, points, free months are not money."""
    is_self_referral: bool = False
    is_split: bool = False
    tier: int = 1
    was_paid: bool = False
    """Paid out, whatever became of it later."""
    promised: int | None = None
    """What the tracker answered first."""
    rate: tuple[int, int] | None = None
    """The campaign's terms as a fraction, where the tracker gives them: (1, 5) is 20 %."""
    campaign: str = ""

    def after(self, earlier: Self) -> Self:
        return replace(
            self,
            sale_id=self.sale_id or earlier.sale_id,
            was_paid=self.was_paid or earlier.was_paid,
            promised=self.promised if earlier.promised is None else earlier.promised,
            rate=self.rate or earlier.rate,
            campaign=self.campaign or earlier.campaign,
        )


class GrantState(StrEnum):
    """Where a credit stands that billing granted for a commission."""

    ACTIVE = "active"
    USED = "used"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditGrant(Fact):
    """Billing granted credit for a commission."""

    commission_id: str
    account_id: str
    amount: int
    currency: str
    used: int = 0
    state: GrantState = GrantState.ACTIVE


class RequestState(StrEnum):
    """Where a request for payment stands at the gateway."""

    OPEN = "open"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest(Fact):
    """A gateway asks the customer for an invoice's money."""

    invoice_id: str
    amount: int
    currency: str
    paid: int = 0
    state: RequestState = RequestState.OPEN


class CancellationState(StrEnum):
    """Whether a customer still leaves."""

    ASKED = "asked"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation(Fact):
    """A customer leaves, at once or at the end of a period."""

    account_id: str
    ends_at: datetime
    state: CancellationState = CancellationState.ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution(Fact):
    """A person settled something open by hand; `corrects` names the finding as `class:sale`."""

    amount: int
    currency: str
    approver: str
    note: str
    debit: str = ""
    """The accounts that it moves the money between, where it moves any."""
    credit: str = ""


def current(facts: Iterable[Fact]) -> list[Fact]:
    """The last state of each thing, in the order of time. The order in which facts are given does not matter."""
    states: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in facts:
        states.setdefault(fact.thing, []).append(fact)
    last = {thing: known[0] if len(known) == 1 else _last(known) for thing, known in states.items()}
    return [fact for _, _, fact in sorted((fact.happened_at, thing, fact) for thing, fact in last.items())]


def _last(states: Iterable[Fact]) -> Fact:
    # The text decides between two states of the same instant, so that any order of arrival ends with the same one.
    first, *later = sorted(states, key=lambda fact: (fact.stage, fact.happened_at, fact.learned_at, repr(fact)))
    for fact in later:
        first = fact.after(first)
    return first
