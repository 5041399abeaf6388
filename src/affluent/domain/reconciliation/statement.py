"""Reconciliation: the words. What books hold, in which class a comparison ends, and how classes add up per currency.

A case is everything that is about one billing invoice. It is compared leg by leg, and every leg ends in one line of one class:

    sale             net of the invoice        ↔ sales tracked for it
    refund           net refunded in billing   ↔ refunds tracked for it
    commission       (theirs alone)            what became of each commission
    payment          money received            ↔ payments at the gateway
    payment_refund   money given back          ↔ refunds at the gateway
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from affluent.kit.jsons import JSONObject


class Kind(StrEnum):
    """What a record of somebody's books is."""

    INVOICE = "invoice"
    """Paid in billing: amount is net; facts gross, tax, discount."""
    REFUND = "refund"
    """Given back in billing: amount is net; facts gross."""
    RECEIPT = "receipt"
    """A payment recorded in billing, named by the gateway's id."""
    PAYMENT = "payment"
    """Captured at the gateway."""
    PAYMENT_REFUND = "payment_refund"
    """Given back at the gateway."""
    COMMISSION = "commission"
    """Earned at the affiliate tracker; facts basis (what the sale was, negative: a refund), basis_currency, sale, part."""
    CLAIM = "claim"
    """What our own journal says: facts of (sale, refund, receipt, …), run_id, effect_key; status as in Said."""


class Said(StrEnum):
    """What our journal says of something that was to be written."""

    APPLIED = "applied"
    DECLINED = "declined"
    """Not applicable: not a referral, or the flow's condition said no."""
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Leg(StrEnum):
    """Which books are compared."""

    SALE = "sale"
    REFUND = "refund"
    COMMISSION = "commission"
    PAYMENT = "payment"
    PAYMENT_REFUND = "payment_refund"


class Class(StrEnum):
    """How a comparison ended."""

    MATCHED = "matched"
    NOT_REFERRED = "not_referred"
    BELOW_MINIMUM = "below_minimum"
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"
    AMOUNT_DIFFERS = "amount_differs"
    MISSING_THERE = "missing_there"
    EXTRA_THERE = "extra_there"
    DOUBLED_THERE = "doubled_there"
    WRONG_ACCOUNT = "wrong_account"
    WRONG_CURRENCY = "wrong_currency"
    REFUNDED_HERE_ONLY = "refunded_here_only"
    REFUNDED_THERE_ONLY = "refunded_there_only"
    COMMISSION_DENIED = "commission_denied"
    COMMISSION_PENDING = "commission_pending"
    COMMISSION_PAID = "commission_paid"
    OUTSIDE_PERIOD = "outside_period"


EXPLAINED = frozenset(
    {
        Class.MATCHED,
        Class.NOT_REFERRED,
        Class.BELOW_MINIMUM,
        Class.WAITING,
        Class.COMMISSION_DENIED,
        Class.COMMISSION_PENDING,
        Class.COMMISSION_PAID,
        Class.OUTSIDE_PERIOD,
    }
)
"""Nobody has to look at these; of all others the money in question is the unexplained remainder."""


class Record(NamedTuple):
    """One record of somebody's books. Amounts are whole minor units, `at` is microseconds since 1970."""

    kind: Kind
    id: str
    case_id: str
    account_id: str
    amount: int
    currency: str
    at: int
    status: str
    facts: JSONObject


class Line(NamedTuple):
    """One comparison: what we have, what they have, and the money that nobody has explained."""

    leg: Leg
    name: Class
    currency: str
    ours: int
    theirs: int
    open: int
    """Money in question, never negative; 0 when the class explains it."""
    reason: str
    case_id: str
    account_id: str
    at: int
    records: tuple[tuple[str, str], ...]
    """(kind, id) of every record that was compared."""
    foreign: tuple[str, int] | None = None
    """(currency, amount) of theirs, when it is in another currency than ours."""

    @property
    def difference(self) -> int:
        """Ours less theirs, in the line's currency."""
        return self.ours - self.theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From an instant up to another, in microseconds since 1970."""

    start: int
    end: int

    def holds(self, at: int) -> bool:
        """Whether an instant lies in it."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the comparison has to know besides the records."""

    period: Period
    minimum: Callable[[str], int] = lambda _currency: 1
    """Currency → the smallest amount that is tracked at all."""
    is_referred: Callable[[str], bool] = lambda _account_id: False
    """Whether the affiliate tracker is known to have this account as a referral."""
    same_account: Callable[[str, str], bool] = lambda ours, theirs: ours == theirs
    """Whether an id of theirs stands for an account of ours."""


@dataclass(slots=True)
class Sum:
    """The lines of one class: how many, ours, theirs, and the money in question."""

    count: int = 0
    ours: int = 0
    theirs: int = 0
    open: int = 0


@dataclass(slots=True)
class Totals:
    """Sums per currency, leg and class; every record's money is in exactly one of them."""

    sums: dict[tuple[str, Leg, Class], Sum] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Count a line."""
        found = self.at(line.currency, line.leg, line.name)
        found.count += 1
        found.ours += line.ours
        found.theirs += line.theirs
        found.open += line.open
        if line.foreign is not None:
            self.at(line.foreign[0], line.leg, line.name).theirs += line.foreign[1]

    def at(self, currency: str, leg: Leg, name: Class) -> Sum:
        """The sum of one class."""
        return self.sums.setdefault((currency, leg, name), Sum())

    def remainder(self) -> Mapping[str, int]:
        """Currency → the money that nobody has explained, every leg; 0 when all is explained."""
        left: dict[str, int] = {}
        for (currency, _, _), found in self.sums.items():
            left[currency] = left.get(currency, 0) + found.open
        return left
