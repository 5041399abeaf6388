"""A period's statement: accounts with opening, movements and closing; cases in their classes; what is open, never cancelled out.

A case is a position. It stands in a statement when it is open, or when something of it moved in the period.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from affluent.domain.money.commissions import why_commission
from affluent.domain.money.facts import Commission, Fact, Refund, current
from affluent.domain.money.findings import TEXTS, AccountKind, Class, Finding
from affluent.domain.money.journal import Balance, Entry, balances
from affluent.domain.money.position import Position
from affluent.domain.money.sales import without_sale


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a statement."""

    sale_id: str
    account_id: str
    name: Class
    text: str
    """What the class means."""
    sentence: str
    """What is to be said of this case."""
    age_days: int
    """Since its last fact."""
    findings: tuple[Finding, ...]

    @property
    def is_open(self) -> bool:
        return any(finding.is_open for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A period's accounts and cases."""

    first: date
    last: date
    balances: tuple[Balance, ...]
    cases: tuple[Case, ...]
    remainder: dict[tuple[AccountKind, str], int]
    """(kind, currency) → the money in question. Amounts are never negative, so none makes up for another one."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing is in question."""
        return not any(self.remainder.values())


def case_of(position: Position, facts: Sequence[Fact], on: date) -> Case:
    """The case of a position, with its age on a day."""
    last = max((fact.happened_at.date() for fact in facts), default=on)
    return Case(
        sale_id=position.sale_id,
        account_id=position.account_id,
        name=position.name,
        text=TEXTS[position.name],
        sentence=position.sentence,
        age_days=max(0, (on - last).days),
        findings=position.findings,
    )


def statement(
    cases: Iterable[Case], entries: Sequence[Entry], loose: Sequence[Finding], *, first: date, last: date
) -> Statement:
    """The statement of a period. `cases` are all positions', `entries` the whole journal, `loose` what belongs to no sale."""
    moved = {sale_id for entry in entries if first <= entry.posted_on <= last for sale_id in entry.sale_ids}
    shown = tuple(case for case in cases if case.is_open or case.sale_id in moved)
    remainder: dict[tuple[AccountKind, str], int] = {}
    for finding in [*(finding for case in shown for finding in case.findings), *loose]:
        if finding.is_open:
            at = finding.kind, finding.currency
            remainder[at] = remainder.get(at, 0) + finding.amount
    return Statement(
        first=first, last=last, balances=tuple(balances(entries, first, last)), cases=shown, remainder=remainder
    )


def loose_findings(facts: Sequence[Fact]) -> list[Finding]:
    """Money that went back of payments which nobody knows: held until the payment is known, and in question until then."""
    return [
        Finding(
            name=Class.NAMES_NO_PAYMENT,
            kind=AccountKind.CLEARING,
            amount=fact.amount,
            currency=fact.currency,
            sentence=(
                f"{'Refund' if isinstance(fact, Refund) else 'Dispute'} {fact.id} is of payment "
                f"{fact.payment_id or 'unknown'}, which is not known; it waits for that payment."
            ),
            about=fact.id,
        )
        for fact in without_sale(facts)
    ]


def why(position: Position, facts: Sequence[Fact]) -> str:
    """Why a sale earned what it earned: one sentence for each commission, or why there is none. Never empty."""
    commissions = [fact for fact in current(facts) if isinstance(fact, Commission)]
    if not commissions:
        return position.sentence
    return " ".join(why_commission(fact, position.net, position.currency, position.sale_id) for fact in commissions)
