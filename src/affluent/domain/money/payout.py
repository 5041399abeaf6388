"""The payout check: what of each promoter's commissions may be paid, what may not and why, and what was paid although it should not.

Each commission is held against the sale that it is for. What the tracker has taken back of that sale by itself counts first, so
that nothing is held twice. Amounts and currencies are the tracker's own; a commission whose currency it does not state is never
added to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from affluent.domain.money.commissions import GONE, expected_amount
from affluent.domain.money.facts import (
    Commission,
    CommissionState,
    Dispute,
    DisputeState,
    Entry,
    EntryState,
    Fact,
    InvoiceState,
    Refund,
    RefundState,
    Resolution,
    current,
)
from affluent.domain.money.findings import Class
from affluent.domain.money.receipts import Receipts, receipts_of
from affluent.domain.money.rounding import Places, in_units, iso, nearest
from affluent.domain.money.sales import by_sale
from affluent.kit.money import Money, MoneyError


class Reason(StrEnum):
    """Why a commission should not be paid."""

    REFUNDED = "refunded"
    DISPUTE_LOST = "dispute_lost"
    VOID = "void"
    DISPUTED = "disputed"
    REFUND_PENDING = "refund_pending"
    UNPAID = "unpaid"
    NO_SALE = "no_sale"
    DOUBLED = "doubled"
    CHANGED = "changed_by_hand"
    OTHER_RATE = "other_rate"
    OTHER_CURRENCY = "other_currency"
    WRONG_CUSTOMER = "wrong_customer"
    SELF_REFERRAL = "self_referral"
    HOLD_PERIOD = "hold_period"
    NOT_MONEY = "not_money"
    DENIED = "denied"
    DELETED = "deleted"


NOT_YET = frozenset(
    {
        Reason.DISPUTED,
        Reason.REFUND_PENDING,
        Reason.UNPAID,
        Reason.NO_SALE,
        Reason.CHANGED,
        Reason.OTHER_RATE,
        Reason.HOLD_PERIOD,
    }
)
"""Time or a person may still settle these; what the others hold back is not to be paid at all."""
_CONFIRMED_BY = {
    Reason.CHANGED: Class.COMMISSION_CHANGED,
    Reason.OTHER_RATE: Class.OTHER_RATE,
    Reason.SELF_REFERRAL: Class.SELF_REFERRAL,
    Reason.OTHER_CURRENCY: Class.OTHER_CURRENCY,
    Reason.WRONG_CUSTOMER: Class.WRONG_CUSTOMER,
}
"""The class of finding that a person settles by hand to let the commission be paid after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRules:
    """Whose commissions are checked, and how."""

    source: str
    """The tracker, as its facts name it."""
    hold: timedelta = timedelta()
    """How old the payment of a sale must be before its commission is paid."""
    places: Places = iso
    """How the tracker counts each currency."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    """One reason, and what it leaves of a commission."""

    reason: Reason
    sentence: str
    most: int | None = 0
    """At most this may be paid; None: no limit."""
    share: Fraction = Fraction(1)
    """This share of it may be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A commission with the reasons against paying it."""

    fact: Commission
    doubts: Sequence[_Doubt] = ()

    @property
    def blocked(self) -> int:
        """What of it should not be paid."""
        limits = [item.most for item in self.doubts if item.most is not None]
        exact: Fraction = Fraction(min([self.fact.amount, *limits]))
        for item in self.doubts:
            exact *= item.share
        return self.fact.amount - nearest(exact)


@dataclass(slots=True, kw_only=True)
class _Sale:
    """What the facts of one sale say to its commissions."""

    sale_id: str
    receipts: Receipts
    states: Sequence[Fact]
    extra_entries: frozenset[str]
    """Entries at the tracker that go beyond the sale's net: it was told twice."""

    def money(self, amount: int) -> str:
        """An amount of the sale's currency, for people."""
        return _money(amount, self.receipts.currency)


@dataclass(slots=True, kw_only=True)
class _Books:
    """All that commissions are judged by."""

    rules: PayoutRules
    as_of: datetime
    sales: dict[str, _Sale]
    first_seen: dict[str, datetime]
    """Commission → when it was made, as far as its states tell."""
    confirmed: frozenset[str]
    """What persons settled by hand, as `class:sale` or `class:sale:commission`."""


def payout_check(facts: Sequence[Fact], *, as_of: datetime, rules: PayoutRules) -> PayoutCheck:
    """Check a tracker's commissions by all that happened before `as_of`."""
    known = [fact for fact in facts if fact.happened_at < as_of and _is_of(fact, rules.source)]
    states = current(known)
    commissions = [fact for fact in states if isinstance(fact, Commission)]
    books = _books(known, states, as_of, rules)
    sale_of = _SaleIds(states, books.sales)
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
        part = _Part(sale_id, _judged(own, sale_id, books))
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


def _books(known: Sequence[Fact], states: Sequence[Fact], as_of: datetime, rules: PayoutRules) -> _Books:
    first: dict[str, datetime] = {}
    for fact in known:
        if isinstance(fact, Commission):
            first[fact.id] = min(fact.happened_at, first.get(fact.id, fact.happened_at))
    sales = {}
    for sale_id, own in by_sale(states).items():
        receipts = receipts_of(sale_id, own)
        if receipts is not None:
            extra = _extra_entries(receipts, own, rules.places)
            sales[sale_id] = _Sale(sale_id=sale_id, receipts=receipts, states=own, extra_entries=extra)
    confirmed = frozenset(fact.corrects for fact in states if isinstance(fact, Resolution))
    return _Books(rules=rules, as_of=as_of, sales=sales, first_seen=first, confirmed=confirmed)


def _extra_entries(sale: Receipts, states: Sequence[Fact], places: Places) -> frozenset[str]:
    """The entries with which the tracker held more than the sale's net, one unit of rounding aside."""
    try:
        net = in_units(sale.net, sale.currency, places)
    except MoneyError:
        return frozenset()
    holds, extra = 0, set()
    for fact in states:
        if not isinstance(fact, Entry) or fact.state is EntryState.ABSENT or fact.currency not in ("", sale.currency):
            continue
        if fact.is_refund:
            holds -= fact.units
        elif holds + fact.units > net + 1:
            extra.add(fact.id)
        else:
            holds += fact.units
    return frozenset(extra)


class _SaleIds:
    """Finds the sale of a commission. One that takes back may name only the refund, or what we made of the sale's id."""

    def __init__(self, states: Sequence[Fact], sales: dict[str, _Sale]) -> None:
        self._sales = sales
        self._things: dict[tuple[str, str, str], str] = {}
        self._back: dict[str, str] = {}
        for sale_id, sale in sales.items():
            for fact in sale.states:
                self._things.setdefault(fact.thing, sale_id)
        for fact in states:
            if isinstance(fact, (Refund, Dispute)):
                self._back[fact.id] = self._things.get(fact.thing, "")

    def __call__(self, fact: Commission) -> str:
        """The sale's id; "" for a bonus, which is of none. A sale that nobody knows keeps the id that the tracker gives."""
        own = self._things.get(fact.thing) or self._back.get(fact.sale_id or fact.entry_id, "")
        if own:
            return own
        named = fact.sale_id or fact.entry_id
        head = named
        while ":" in head:  # `INV-1:void`, `INV-1:pay_1`, `INV-1:again:1`
            head = head.rpartition(":")[0]
            if head in self._sales:
                return head
        return named


def _judged(own: Sequence[Commission], sale_id: str, books: _Books) -> list[_Judged]:
    """A group's commissions with their doubts. A second one for the same entry is a double."""
    sale = books.sales.get(sale_id)
    extra = sale.extra_entries if sale is not None else frozenset()
    judged: list[_Judged] = []
    seen: set[tuple[str, int]] = set()
    for fact in own:
        doubts: list[_Doubt] = []
        if fact.amount > 0:
            doubts = [item for item in _doubts(fact, sale_id, books) if not _is_confirmed(item, sale_id, fact, books)]
        if fact.amount > 0 and fact.entry_id and fact.state not in GONE:
            if (fact.entry_id, fact.tier) in seen or fact.entry_id in extra:
                doubts.append(_Doubt(reason=Reason.DOUBLED, sentence=f"{sale_id} counts already: this is a double."))
            seen.add((fact.entry_id, fact.tier))
        judged.append(_Judged(fact=fact, doubts=doubts))
    return judged


def _is_confirmed(doubt: _Doubt, sale_id: str, fact: Commission, books: _Books) -> bool:
    name = _CONFIRMED_BY.get(doubt.reason)
    return name is not None and not books.confirmed.isdisjoint({f"{name}:{sale_id}", f"{name}:{sale_id}:{fact.id}"})


def _doubts(fact: Commission, sale_id: str, books: _Books) -> Iterator[_Doubt]:
    if fact.state in GONE:
        reason = Reason.DENIED if fact.state is CommissionState.DENIED else Reason.DELETED
        yield _Doubt(reason=reason, sentence=f"The commission was {fact.state} at the tracker.")
        return
    yield from _own_doubts(fact)
    sale = books.sales.get(sale_id)
    if sale is not None:
        yield from _entry_doubts(fact, sale)
        yield from _sale_doubts(fact, sale)
    elif sale_id:
        text = f"Neither an invoice nor a payment of {sale_id} is known."
        yield _Doubt(reason=Reason.NO_SALE, sentence=text)
    yield from _hold_doubts(fact, sale, books)


def _own_doubts(fact: Commission) -> Iterator[_Doubt]:
    """What the commission itself gives rise to."""
    if fact.is_self_referral:
        yield _Doubt(reason=Reason.SELF_REFERRAL, sentence="The customer is the promoter.")
    expected = expected_amount(fact)
    if fact.promised is not None and fact.promised != fact.amount:
        first, now = _money(fact.promised, fact.currency), _money(fact.amount, fact.currency)
        text = f"The tracker's first answer was {first}; it is {now} now."
        yield _Doubt(reason=Reason.CHANGED, sentence=text, most=max(0, fact.promised))
    elif fact.promised is None and expected is not None and abs(expected - fact.amount) > 1:
        text = f"The campaign's terms make {_money(expected, fact.currency)}."
        yield _Doubt(reason=Reason.OTHER_RATE, sentence=text, most=max(0, expected))


def _entry_doubts(fact: Commission, sale: _Sale) -> Iterator[_Doubt]:
    """What the tracker's own record of the sale gives rise to."""
    for entry in sale.states:
        if not isinstance(entry, Entry) or entry.id != fact.entry_id or entry.state is EntryState.ABSENT:
            continue
        if entry.currency not in ("", sale.receipts.currency):
            text = f"The tracker holds it in {entry.currency}, and {sale.sale_id} is in {sale.receipts.currency}."
            yield _Doubt(reason=Reason.OTHER_CURRENCY, sentence=text)
        if entry.account_id not in ("", sale.receipts.account_id):
            text = f"The tracker holds it for {entry.account_id}, and {sale.sale_id} is of {sale.receipts.account_id}."
            yield _Doubt(reason=Reason.WRONG_CUSTOMER, sentence=text)


def _sale_doubts(fact: Commission, sale: _Sale) -> Iterator[_Doubt]:
    """What the sale's money gives rise to."""
    receipts = sale.receipts
    is_part = fact.entry_id.startswith(f"{sale.sale_id}:")
    if receipts.received and (receipts.is_full or is_part):
        yield from _back(sale, receipts)
    elif receipts.state is InvoiceState.VOID:
        yield _Doubt(reason=Reason.VOID, sentence=f"{sale.sale_id} is void.")
    else:
        text = f"{sale.money(receipts.received)} of {sale.money(receipts.total)} are paid for {sale.sale_id}."
        yield _Doubt(reason=Reason.UNPAID, sentence=text)


def _back(sale: _Sale, receipts: Receipts) -> Iterator[_Doubt]:
    """What went back of the sale, or may go back."""
    kept = max(Fraction(0), Fraction(receipts.received - receipts.reversed()))
    back = receipts.received - kept
    disputes = [fact for fact in sale.states if isinstance(fact, Dispute)]
    if back:
        is_lost = any(fact.state is DisputeState.LOST for fact in disputes)
        how = "went back after a dispute" if is_lost else "went back"
        text = f"{sale.money(nearest(back))} of {sale.sale_id} {how}."
        reason = Reason.DISPUTE_LOST if is_lost else Reason.REFUNDED
        if receipts.has_ended:
            reason, text = Reason.VOID, f"{sale.sale_id} is {receipts.state}."
        yield _Doubt(reason=reason, sentence=text, most=None, share=kept / receipts.received)
    pending = [fact for fact in sale.states if isinstance(fact, Refund) and fact.state is RefundState.PENDING]
    if pending and kept:
        amount = sum(fact.amount for fact in pending)
        text = f"A refund of {sale.money(amount)} of {sale.sale_id} is on its way."
        share = max(Fraction(0), kept - amount) / kept
        yield _Doubt(reason=Reason.REFUND_PENDING, sentence=text, most=None, share=share)
    opened = sum(fact.amount for fact in disputes if fact.state is DisputeState.OPENED)
    if opened:
        text = f"The customer's bank disputes {sale.money(opened)} of {sale.sale_id}; it is not decided yet."
        yield _Doubt(reason=Reason.DISPUTED, sentence=text)


def _hold_doubts(fact: Commission, sale: _Sale | None, books: _Books) -> Iterator[_Doubt]:
    """Whether it is paid, or was, before the hold period is over."""
    sold_at = sale.receipts.paid_at if sale is not None else None
    until = (sold_at or books.first_seen[fact.id]) + books.rules.hold
    paid_at = fact.happened_at if _was_paid(fact) else books.as_of
    if books.rules.hold and paid_at < until:
        yield _Doubt(reason=Reason.HOLD_PERIOD, sentence=f"The hold period lasts until {until:%Y-%m-%d}.")


def _was_paid(fact: Commission) -> bool:
    return fact.was_paid or fact.state is CommissionState.PAID


class _Part:
    """The commissions of one sale for one promoter in one currency, added up."""

    def __init__(self, sale_id: str, judged: Sequence[_Judged]) -> None:
        paid = [item for item in judged if _was_paid(item.fact)]
        approved = [item for item in judged if _is_approved(item.fact)]
        self.pending = sum(item.fact.amount for item in judged if _is_pending(item.fact))
        self.approved = sum(item.fact.amount for item in approved)
        self.paid = sum(item.fact.amount for item in paid if item.fact.state not in GONE)
        # What the tracker took back answers to what it would take back: first in its own payout, then in the other one.
        taken_paid, taken_now = _taken_back(paid), _taken_back(approved)
        left_paid = max(0, taken_paid - sum(item.blocked for item in paid))
        left_now = max(0, taken_now - sum(item.blocked for item in approved))
        rounding = sum(1 for item in judged if item.fact.amount < 0)
        self.held = _rows(sale_id, approved, taken_now + left_paid, rounding)
        self.wrong = _rows(sale_id, [item for item in paid if item.blocked > 0], taken_paid + left_now, rounding)


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


def _taken_back(judged: Sequence[_Judged]) -> int:
    return sum(-item.fact.amount for item in judged if item.fact.amount < 0)


def _rows(sale_id: str, judged: Sequence[_Judged], taken_back: int, rounding: int) -> list[CheckedCommission]:
    """The commissions with reasons, each with what is left of it to hold after what the tracker took back by itself."""
    blocked = sum(item.blocked for item in judged)
    rest = max(0, blocked - taken_back)
    rest = 0 if rest <= rounding else rest
    rows = []
    for item in sorted(judged, key=lambda item: -item.blocked):
        amount = min(item.blocked, rest)
        rest -= amount
        is_taken_back = item.blocked > 0 and not amount
        if item.doubts and not is_taken_back:
            rows.append(_row(item.fact, sale_id, amount, item.doubts))
    return rows


def _row(fact: Commission, sale_id: str, held: int, doubts: Sequence[_Doubt]) -> CheckedCommission:
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
    return _row(fact, sale_id, 0, [_Doubt(reason=Reason.NOT_MONEY, sentence=text)])


def _money(amount: int, currency: str) -> str:
    return str(Money(amount, currency)) if currency else f"{amount} of an unnamed currency"
