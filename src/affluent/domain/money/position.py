"""The position of a sale: what it amounts to, what the tracker should hold, what is open, all from the facts.

`position` is pure: facts and known effects in, amounts, plan and findings out. Facts may come in any order and more than once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from affluent.domain.money.attribution import Attribution, attribution
from affluent.domain.money.effects import NEEDS_PERSON, Effect, Planned, State
from affluent.domain.money.facts import Fact, Payment, current
from affluent.domain.money.findings import Class, Finding, gravest
from affluent.domain.money.judge import Case, judge
from affluent.domain.money.plan import plan
from affluent.domain.money.policy import DEFAULT, Policy
from affluent.domain.money.receipts import Receipts, receipts_of
from affluent.domain.money.rounding import Exact, nearest
from affluent.domain.money.sales import invoices_of
from affluent.domain.money.tracker import known_effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapplied:
    """Money that belongs to no sale: owed back, or kept as credit."""

    payment_id: str
    channel: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """All that is known of one sale. Amounts are minor units of `currency`."""

    sale_id: str
    account_id: str
    currency: str
    total: int
    """T, with tax."""
    net: int
    """N."""
    received: int
    """R."""
    reversed: Exact
    """V, exact: a refund of a payment for several invoices may not divide."""
    base: Exact
    """B, the net of what is kept, exact; what the tracker should hold once the sale counts."""
    referral: Attribution
    plan: tuple[Planned, ...]
    unapplied: tuple[Unapplied, ...]
    findings: tuple[Finding, ...]
    """What there is to say; never empty, and the first one names the case."""

    @property
    def kept(self) -> Exact:
        """K = R - V."""
        return min(self.total, self.received - self.reversed)

    @property
    def name(self) -> Class:
        return self.findings[0].name

    @property
    def is_open(self) -> bool:
        return any(finding.is_open for finding in self.findings)

    @property
    def sentence(self) -> str:
        """What the position says about itself; never empty."""
        return " ".join(dict.fromkeys(finding.sentence for finding in self.findings))

    @property
    def due(self) -> int:
        """B in minor units, rounded once."""
        return nearest(self.base)

    @property
    def again_at(self) -> datetime | None:
        """When the position is looked at again by itself, if nothing is learned before."""
        return min((item.again_at for item in self.plan if item.again_at is not None), default=None)


def position(
    sale_id: str, facts: Sequence[Fact], effects: Sequence[Effect], *, now: datetime, policy: Policy = DEFAULT
) -> Position | None:
    """The position of a sale, or None while neither its invoice nor its payment is known.

    `facts` are those of the sale, its payments and its account (`sales.by_sale` groups them); `effects` those of the sale and
    its aliases, and the account's sign-up.
    """
    states = current(facts)
    sale = receipts_of(sale_id, states)
    if sale is None or _has_moved(sale, states):
        return None
    known = known_effects(sale, states, effects, policy)
    referral = attribution(sale.account_id, states, effects, policy=policy)
    steps = plan(sale, referral, known, now=now, policy=policy)
    if referral.sign_up is not None and any(item.held_by == sale.account_id for item in steps):
        steps.insert(0, referral.sign_up)
    findings = judge(Case(sale=sale, referral=referral, plan=steps, known=known, states=states, now=now, policy=policy))
    first = gravest(findings)
    return Position(
        sale_id=sale_id,
        account_id=sale.account_id,
        currency=sale.currency,
        total=sale.total,
        net=sale.net,
        received=sale.received,
        reversed=sale.reversed(),
        base=sale.base(),
        referral=referral,
        plan=tuple(steps),
        unapplied=tuple(
            Unapplied(payment_id=item.payment_id, channel=item.channel, amount=sale.owed_back(item))
            for item in sale.receipts
            if sale.owed_back(item)
        ),
        findings=(first, *(finding for finding in findings if finding is not first)),
    )


def next_calls(of: Position) -> list[Planned]:
    """What may be sent now, in order: the first call of the chain, its sign-up before it."""
    return [item for item in of.plan if item.state is State.DUE]


def repair_calls(of: Position) -> list[Planned]:
    """What a repair would send: what is due, and what only a person may order."""
    return [item for item in of.plan if item.state is State.DUE or item.state in NEEDS_PERSON]


def _has_moved(sale: Receipts, states: Sequence[Fact]) -> bool:
    """Whether the sale is a payment's that was applied to an invoice since: the facts moved there."""
    own = [fact for fact in states if isinstance(fact, Payment) and fact.id == sale.sale_id]
    return bool(own and invoices_of(own[0], states))
