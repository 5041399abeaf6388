"""The payout check: what of each promoter's commissions may be paid, what may not and why, and what was paid although it should not.

Each commission is held against the sale that it is for. What the tracker has taken back of that sale by itself counts first, so
that nothing is held twice. Amounts and currencies are the tracker's own; a commission whose currency it does not state is never
added to others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from affluent.domain.money.commissions import GONE
from affluent.domain.money.doubts import (
    NOT_YET,
    Doubt,
    Judged,
    PayoutRules,
    Reason,
    SaleIds,
    books_of,
    judged,
    was_paid,
)
from affluent.domain.money.facts import Commission, CommissionState, Entry, Fact, current

__all__ = ["CheckedCommission", "PayoutCheck", "PayoutRules", "PromoterPayout", "Reason", "payout_check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCommission:
    """A commission that should not be paid, or not whole, or that was paid although it should not."""

    commission_id: str
    sale_id: str
    promoter_id: str
    currency: str
    amount: int
    held: int
    """What of the amount should not be paid, or should not have been."""
    reasons: tuple[Reason, ...]
    is_final: bool
    """Whether it is not to be paid at all; else only not yet."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoterPayout:
    """A promoter's commissions in one currency: earned, approved, paid; and what is to be paid now."""

    promoter_id: str
    currency: str
    """"" where the tracker states none; the amounts are its own numbers then."""
    earned: int
    """All that stands at the tracker: pending + approved + paid."""
    pending: int
    approved: int
    """Approved and not paid, less what the tracker takes back."""
    held: int
    """What of the approved should not be paid."""
    paid: int
    """Paid before, of what still stands."""
    paid_wrongly: int
    """Paid although it should not have been; also of what was denied or deleted since."""
    to_pay: int
    """What may be paid now: approved - held, never negative."""
    owed_back: int
    """What is taken back beyond what is approved; it is set off against what the promoter earns next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutCheck:
    """The check of one tracker as of a moment."""

    as_of: datetime
    promoters: tuple[PromoterPayout, ...]
    held: tuple[CheckedCommission, ...]
    """Approved commissions with something to say; most hold something back."""
    paid_wrongly: tuple[CheckedCommission, ...]
    not_money: tuple[CheckedCommission, ...]
    """Credits, points and free months: they are in no sum."""


def payout_check(facts: Sequence[Fact], *, as_of: datetime, rules: PayoutRules) -> PayoutCheck:
    """Check a tracker's commissions by all that happened before `as_of`."""
    known = [fact for fact in facts if fact.happened_at < as_of and _is_of(fact, rules.source)]
    states = current(known)
    commissions = [fact for fact in states if isinstance(fact, Commission)]
    books = books_of(known, states, as_of, rules)
    sale_of = SaleIds(states, books.sales)
    groups: dict[tuple[str, str, str, str], list[Commission]] = {}
    not_money = []
    for fact in commissions:
        sale_id = sale_of(fact)
        if fact.is_cash:
            bonus = "" if sale_id else fact.id
            groups.setdefault((fact.promoter_id, fact.currency, sale_id, bonus), []).append(fact)
        elif fact.state not in GONE:
            not_money.append(_not_money(fact, sale_id))
    parts: dict[tuple[str, str], list[_Part]] = {}
    held: list[CheckedCommission] = []
    wrong: list[CheckedCommission] = []
    for (promoter, currency, sale_id, _), own in sorted(groups.items(), key=lambda item: item[0]):
        part = _Part(sale_id, judged(own, sale_id, books))
        parts.setdefault((promoter, currency), []).append(part)
        held += part.held
        wrong += part.wrong
    return PayoutCheck(
        as_of=as_of,
        promoters=tuple(_promoter(*whose, own) for whose, own in sorted(parts.items())),
        held=tuple(held),
        paid_wrongly=tuple(wrong),
        not_money=tuple(not_money),
    )


def _is_of(fact: Fact, source: str) -> bool:
    return fact.source == source or not isinstance(fact, (Commission, Entry))


class _Part:
    """The commissions of one sale for one promoter in one currency, added up."""

    def __init__(self, sale_id: str, judged: Sequence[Judged]) -> None:
        paid = [item for item in judged if was_paid(item.fact)]
        approved = [item for item in judged if _is_approved(item.fact)]
        self.pending = _sum(item for item in judged if _is_pending(item.fact))
        self.approved = _sum(approved)
        self.paid = _sum(item for item in paid if item.fact.state not in GONE)
        # What the tracker took back answers to what it would take back: first in its own payout, then in the other one.
        taken_paid, taken_now = _taken_back(paid), _taken_back(approved)
        left_paid, left_now = max(0, taken_paid - _blocked(paid)), max(0, taken_now - _blocked(approved))
        rounding = _corrections(judged)
        self.held = _rows(sale_id, approved, taken_now + left_paid, rounding)
        wrong = _rows(sale_id, paid, taken_paid + left_now, rounding)
        self.wrong = [row for row in wrong if row.held]


def _promoter(promoter_id: str, currency: str, parts: Sequence[_Part]) -> PromoterPayout:
    pending, approved, paid = (sum(getattr(part, name) for part in parts) for name in ("pending", "approved", "paid"))
    held = sum(row.held for part in parts for row in part.held)
    return PromoterPayout(
        promoter_id=promoter_id,
        currency=currency,
        earned=pending + approved + paid,
        pending=pending,
        approved=approved,
        held=held,
        paid=paid,
        paid_wrongly=sum(row.held for part in parts for row in part.wrong),
        to_pay=max(0, approved - held),
        owed_back=max(0, held - approved),
    )


def _is_approved(fact: Commission) -> bool:
    return fact.state is CommissionState.APPROVED and not fact.was_paid


def _is_pending(fact: Commission) -> bool:
    return fact.state is CommissionState.PENDING and not fact.was_paid


def _sum(judged: Iterable[Judged]) -> int:
    return sum(item.fact.amount for item in judged)


def _blocked(judged: Iterable[Judged]) -> int:
    return sum(item.blocked for item in judged)


def _corrections(judged: Sequence[Judged]) -> int:
    """How often the tracker took something back; it rounds each time."""
    return sum(1 for item in judged if item.fact.amount < 0)


def _taken_back(judged: Sequence[Judged]) -> int:
    return sum(-item.fact.amount for item in judged if item.fact.amount < 0)


def _rows(sale_id: str, judged: Sequence[Judged], taken_back: int, rounding: int) -> list[CheckedCommission]:
    """The commissions with reasons, each with what is left of it to hold after what the tracker took back by itself."""
    rest = max(0, _blocked(judged) - taken_back)
    rest = 0 if rest <= rounding else rest
    rows = []
    for item in sorted(judged, key=lambda item: -item.blocked):
        amount = min(item.blocked, rest)
        rest -= amount
        is_taken_back = item.blocked > 0 and not amount
        if item.doubts and not is_taken_back:
            rows.append(_row(item.fact, sale_id, amount, item.doubts))
    return rows


def _row(fact: Commission, sale_id: str, held: int, doubts: Sequence[Doubt]) -> CheckedCommission:
    return CheckedCommission(
        commission_id=fact.id,
        sale_id=sale_id,
        promoter_id=fact.promoter_id,
        currency=fact.currency,
        amount=fact.amount,
        held=held,
        reasons=tuple(item.reason for item in doubts),
        is_final=any(item.reason not in NOT_YET for item in doubts),
        sentence=" ".join(item.sentence for item in doubts),
    )


def _not_money(fact: Commission, sale_id: str) -> CheckedCommission:
    text = f"{fact.amount} units that are no money: credits, points or free months."
    return _row(fact, sale_id, 0, [Doubt(reason=Reason.NOT_MONEY, sentence=text)])
