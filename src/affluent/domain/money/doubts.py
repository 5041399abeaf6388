"""Why a commission should not be paid, or not whole: each reason with what it leaves of the amount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TypeGuard

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
class Doubt:
    """One reason, and what it leaves of a commission."""

    reason: Reason
    sentence: str
    most: int | None = 0
    """At most this may be paid; None: no limit."""
    share: Fraction = Fraction(1)
    """This share of it may be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A commission with the reasons against paying it."""

    fact: Commission
    doubts: Sequence[Doubt] = ()

    @property
    def blocked(self) -> int:
        """What of it should not be paid."""
        limits = [item.most for item in self.doubts if item.most is not None]
        exact: Fraction = Fraction(min([self.fact.amount, *limits]))
        for item in self.doubts:
            exact *= item.share
        return self.fact.amount - nearest(exact)


@dataclass(slots=True, kw_only=True)
class SoldSale:
    """What the facts of one sale say to its commissions."""

    sale_id: str
    receipts: Receipts
    states: Sequence[Fact]
    extra_entries: frozenset[str]
    """Entries at the tracker that go beyond the sale's net: it was told twice."""

    @property
    def disputes(self) -> list[Dispute]:
        """What banks ask back of its payments."""
        return [fact for fact in self.states if isinstance(fact, Dispute)]

    def money(self, amount: int) -> str:
        """An amount of the sale's currency, for people."""
        return _money(amount, self.receipts.currency)


@dataclass(slots=True, kw_only=True)
class PayoutBooks:
    """All that commissions are judged by."""

    rules: PayoutRules
    as_of: datetime
    sales: dict[str, SoldSale]
    first_seen: dict[str, datetime]
    """Commission → when it was made, as far as its states tell."""
    confirmed: frozenset[str]
    """What persons settled by hand, as `class:sale` or `class:sale:commission`."""


def books_of(known: Sequence[Fact], states: Sequence[Fact], as_of: datetime, rules: PayoutRules) -> PayoutBooks:
    """Group what happened by sale; `states` are the current states of `known`."""
    first: dict[str, datetime] = {}
    for fact in known:
        if isinstance(fact, Commission):
            first[fact.id] = min(fact.happened_at, first.get(fact.id, fact.happened_at))
    sales = {}
    for sale_id, own in by_sale(states).items():
        receipts = receipts_of(sale_id, own)
        if receipts is not None:
            extra = _extra_entries(receipts, own, rules.places)
            sales[sale_id] = SoldSale(sale_id=sale_id, receipts=receipts, states=own, extra_entries=extra)
    confirmed = frozenset(fact.corrects for fact in states if isinstance(fact, Resolution))
    return PayoutBooks(rules=rules, as_of=as_of, sales=sales, first_seen=first, confirmed=confirmed)


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


class SaleIds:
    """Finds the sale of a commission. One that takes back may name only the refund, or what we made of the sale's id."""

    def __init__(self, states: Sequence[Fact], sales: dict[str, SoldSale]) -> None:
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


def judged(own: Sequence[Commission], sale_id: str, books: PayoutBooks) -> list[Judged]:
    """A group's commissions with their doubts. A second one for the same entry is a double."""
    sale = books.sales.get(sale_id)
    extra = sale.extra_entries if sale is not None else frozenset()
    judged: list[Judged] = []
    seen: set[tuple[str, int]] = set()
    for fact in own:
        doubts: list[Doubt] = []
        if fact.amount > 0:
            doubts = [item for item in _doubts(fact, sale_id, books) if not _is_confirmed(item, sale_id, fact, books)]
        if fact.amount > 0 and fact.entry_id and fact.state not in GONE:
            if (fact.entry_id, fact.tier) in seen or fact.entry_id in extra:
                doubts.append(Doubt(reason=Reason.DOUBLED, sentence=f"{sale_id} counts already: this is a double."))
            seen.add((fact.entry_id, fact.tier))
        judged.append(Judged(fact=fact, doubts=doubts))
    return judged


def _is_confirmed(doubt: Doubt, sale_id: str, fact: Commission, books: PayoutBooks) -> bool:
    name = _CONFIRMED_BY.get(doubt.reason)
    return name is not None and not books.confirmed.isdisjoint({f"{name}:{sale_id}", f"{name}:{sale_id}:{fact.id}"})


def _doubts(fact: Commission, sale_id: str, books: PayoutBooks) -> Iterator[Doubt]:
    if fact.state in GONE:
        reason = Reason.DENIED if fact.state is CommissionState.DENIED else Reason.DELETED
        yield Doubt(reason=reason, sentence=f"The commission was {fact.state} at the tracker.")
        return
    yield from _own_doubts(fact)
    sale = books.sales.get(sale_id)
    if sale is not None:
        yield from _entry_doubts(fact, sale)
        yield from _sale_doubts(fact, sale)
    elif sale_id:
        text = f"Neither an invoice nor a payment of {sale_id} is known."
        yield Doubt(reason=Reason.NO_SALE, sentence=text)
    yield from _hold_doubts(fact, sale, books)


def _own_doubts(fact: Commission) -> Iterator[Doubt]:
    """What the commission itself gives rise to."""
    if fact.is_self_referral:
        yield Doubt(reason=Reason.SELF_REFERRAL, sentence="The customer is the promoter.")
    expected = expected_amount(fact)
    if fact.promised is not None and fact.promised != fact.amount:
        first, now = _money(fact.promised, fact.currency), _money(fact.amount, fact.currency)
        text = f"The tracker's first answer was {first}; it is {now} now."
        yield Doubt(reason=Reason.CHANGED, sentence=text, most=max(0, fact.promised))
    elif fact.promised is None and expected is not None and abs(expected - fact.amount) > 1:
        text = f"The campaign's terms make {_money(expected, fact.currency)}."
        yield Doubt(reason=Reason.OTHER_RATE, sentence=text, most=max(0, expected))


def _entry_doubts(fact: Commission, sale: SoldSale) -> Iterator[Doubt]:
    """What the tracker's own record of the sale gives rise to."""
    for entry in sale.states:
        if not isinstance(entry, Entry) or entry.id != fact.entry_id or entry.state is EntryState.ABSENT:
            continue
        if entry.currency not in ("", sale.receipts.currency):
            text = f"The tracker holds it in {entry.currency}, and {sale.sale_id} is in {sale.receipts.currency}."
            yield Doubt(reason=Reason.OTHER_CURRENCY, sentence=text)
        if entry.account_id not in ("", sale.receipts.account_id):
            text = f"The tracker holds it for {entry.account_id}, and {sale.sale_id} is of {sale.receipts.account_id}."
            yield Doubt(reason=Reason.WRONG_CUSTOMER, sentence=text)


def _sale_doubts(fact: Commission, sale: SoldSale) -> Iterator[Doubt]:
    """What the sale's money gives rise to."""
    receipts = sale.receipts
    is_part = fact.entry_id.startswith(f"{sale.sale_id}:")
    if receipts.received and (receipts.is_full or is_part):
        yield from _back(sale, receipts)
    elif receipts.state is InvoiceState.VOID:
        yield Doubt(reason=Reason.VOID, sentence=f"{sale.sale_id} is void.")
    else:
        text = f"{sale.money(receipts.received)} of {sale.money(receipts.total)} are paid for {sale.sale_id}."
        yield Doubt(reason=Reason.UNPAID, sentence=text)


def _back(sale: SoldSale, receipts: Receipts) -> Iterator[Doubt]:
    """What went back of the sale, or may go back."""
    kept = max(Fraction(0), Fraction(receipts.received - receipts.reversed()))
    back = receipts.received - kept
    if back:
        reason, how = _why_back(sale, receipts)
        text = f"{sale.money(nearest(back))} of {sale.sale_id} went back{how}."
        yield Doubt(reason=reason, sentence=text, most=None, share=kept / receipts.received)
    pending = sum(fact.amount for fact in sale.states if _is_pending_refund(fact))
    if pending and kept:
        text = f"A refund of {sale.money(pending)} of {sale.sale_id} is on its way."
        share = max(Fraction(0), kept - pending) / kept
        yield Doubt(reason=Reason.REFUND_PENDING, sentence=text, most=None, share=share)
    opened = sum(fact.amount for fact in sale.disputes if fact.state is DisputeState.OPENED)
    if opened:
        text = f"The customer's bank disputes {sale.money(opened)} of {sale.sale_id}; it is not decided yet."
        yield Doubt(reason=Reason.DISPUTED, sentence=text)


def _why_back(sale: SoldSale, receipts: Receipts) -> tuple[Reason, str]:
    if receipts.has_ended:
        return Reason.VOID, f": it is {receipts.state}"
    if any(fact.state is DisputeState.LOST for fact in sale.disputes):
        return Reason.DISPUTE_LOST, " after a dispute"
    return Reason.REFUNDED, ""


def _is_pending_refund(fact: Fact) -> TypeGuard[Refund]:
    return isinstance(fact, Refund) and fact.state is RefundState.PENDING


def _hold_doubts(fact: Commission, sale: SoldSale | None, books: PayoutBooks) -> Iterator[Doubt]:
    """Whether it is paid, or was, before the hold period is over."""
    sold_at = sale.receipts.paid_at if sale is not None else None
    until = (sold_at or books.first_seen[fact.id]) + books.rules.hold
    paid_at = fact.happened_at if was_paid(fact) else books.as_of
    if books.rules.hold and paid_at < until:
        yield Doubt(reason=Reason.HOLD_PERIOD, sentence=f"The hold period lasts until {until:%Y-%m-%d}.")


def was_paid(fact: Commission) -> bool:
    """Whether it was paid out, whatever became of it later."""
    return fact.was_paid or fact.state is CommissionState.PAID


def _money(amount: int, currency: str) -> str:
    return str(Money(amount, currency)) if currency else f"{amount} of an unnamed currency"
