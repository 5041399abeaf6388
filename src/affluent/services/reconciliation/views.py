"""Statements as they are shown: sums with their currency, figures for the page, one line with its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from affluent.domain.reconciliation.statement import EXPLAINED, Class, Leg, Line
from affluent.kit.clock import from_micros
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money, MoneyError


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView:
    """What was read of one vendor's books, and when."""

    id: str
    app: str
    connection_id: str
    phase: str
    """reading or complete."""
    pages: int
    records: int
    digest: str
    """SHA-256 of its records, once it is complete."""
    sentence: str
    taken_at: datetime
    window_start: datetime
    window_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SumView:
    """The lines of one class in one currency; amounts are minor units."""

    currency: str
    leg: str
    name: str
    count: int
    ours: int
    theirs: int
    difference: int
    open: int
    is_explained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """Paid invoices of one day in the statement's zone."""

    day: str
    matched: int
    pending: int
    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureView:
    """The four figures of one currency, in minor units; `text` has them for people."""

    currency: str
    paid: int
    paid_count: int
    tracked: int
    tracked_count: int
    not_referred: int
    not_referred_count: int
    unexplained: int
    unexplained_count: int
    text: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementView:
    """A reconciliation of one period."""

    id: str
    name: str
    period_start: datetime
    period_end: datetime
    """The first instant after it."""
    zone: str
    phase: str
    """reading, comparing, done or failed."""
    sentence: str
    author: str
    created_at: datetime
    done_at: datetime | None
    locked_at: datetime | None
    locked_by: str
    digest: str
    remainder: dict[str, int]
    """Currency → money that nobody has explained, in minor units."""
    figures: tuple[FigureView, ...]
    totals: tuple[SumView, ...]
    days: tuple[DayView, ...]
    snapshots: tuple[SnapshotView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One comparison. `number` names it within the statement; matched lines have none."""

    number: int
    leg: str
    name: str
    currency: str
    ours: int
    theirs: int
    difference: int
    open: int
    reason: str
    sentence: str
    invoice_id: str
    account_id: str
    at: datetime
    records: tuple[tuple[str, str], ...]


def sums(totals: Sequence[JSONObject] | None) -> tuple[SumView, ...]:
    """The totals of a statement as they were kept."""
    return tuple(
        SumView(**item, difference=item["ours"] - item["theirs"], is_explained=Class(item["name"]) in EXPLAINED)
        for item in totals or ()
    )


def figures(totals: Sequence[SumView]) -> tuple[FigureView, ...]:
    """The four figures per currency."""
    made: list[FigureView] = []
    for currency in sorted({item.currency for item in totals}):
        mine = [item for item in totals if item.currency == currency]
        sales = [item for item in mine if item.leg == Leg.SALE]
        unreferred = [item for item in sales if item.name == Class.NOT_REFERRED]
        strange = [item for item in mine if not item.is_explained]
        amounts = {
            "paid": sum(item.ours for item in sales),
            "tracked": sum(item.theirs for item in sales),
            "not_referred": sum(item.ours for item in unreferred),
            "unexplained": sum(item.open for item in mine),
        }
        made.append(
            FigureView(
                currency=currency,
                paid_count=sum(item.count for item in sales if item.ours),
                tracked_count=sum(item.count for item in sales if item.theirs),
                not_referred_count=sum(item.count for item in unreferred),
                unexplained_count=sum(item.count for item in strange),
                text={name: money_text(amount, currency) for name, amount in amounts.items()},
                **amounts,
            )
        )
    return tuple(made)


def money_text(minor: int, currency: str) -> str:
    """For people: USD 2,499.00; of a code that is no currency the bare number."""
    try:
        return str(Money(minor, currency))
    except MoneyError:
        return f"{currency or '?'} {minor} minor units"


def amount_text(amount: object, currency: object) -> str:
    """For people, from major units as an event says them: USD 2,499.00; what is no money as it stands."""
    try:
        return str(Money.parse(str(amount), str(currency)))
    except MoneyError:
        return " ".join(str(part) for part in (currency, amount) if part is not None)


def statement(row: Row[Any], snapshots: Sequence[Row[Any]]) -> StatementView:
    """A statement's rows as a view."""
    totals = sums(row.totals)
    names = SnapshotView.__dataclass_fields__
    return StatementView(
        id=row.id,
        name=row.name or "",
        period_start=row.period_start,
        period_end=row.period_end,
        zone=row.zone,
        phase=row.phase,
        sentence=row.sentence,
        author=row.author,
        created_at=row.created_at,
        done_at=row.done_at,
        locked_at=row.locked_at,
        locked_by=row.locked_by,
        digest=row.digest,
        remainder=row.remainder or {},
        figures=figures(totals),
        totals=totals,
        days=tuple(DayView(**day) for day in row.days or ()),
        snapshots=tuple(SnapshotView(**{name: getattr(item, name) for name in names}) for item in snapshots),
    )


def line(compared: Line, number: int = 0) -> LineView:
    """A line as a view."""
    return LineView(
        number=number,
        leg=compared.leg,
        name=compared.name,
        currency=compared.currency,
        ours=compared.ours,
        theirs=compared.theirs,
        difference=compared.difference,
        open=compared.open,
        reason=compared.reason,
        sentence=words(compared),
        invoice_id=compared.case_id,
        account_id=compared.account_id,
        at=from_micros(compared.at),
        records=compared.records,
    )


def line_of(row: Row[Any]) -> Line:
    """A kept line."""
    return Line(
        leg=Leg(row.leg),
        name=Class(row.name),
        currency=row.currency,
        ours=row.ours,
        theirs=row.theirs,
        open=row.open,
        reason=row.reason,
        case_id=row.case_id,
        account_id=row.account_id,
        at=row.at,
        records=tuple((pair[0], pair[1]) for pair in row.records),
        foreign=(row.foreign_currency, row.foreign_amount) if row.foreign_currency else None,
    )


_WORDS = {
    Class.MATCHED: "Both books say {ours}.",
    Class.NOT_REFERRED: "Nobody referred this customer, so nothing is due.",
    Class.BELOW_MINIMUM: "{ours} is less than is tracked at all.",
    Class.WAITING: "It is on its way.",
    Class.FAILED: "It was refused and waits for a person.",
    Class.UNKNOWN: "The answer was lost; it is not known whether it arrived.",
    Class.AMOUNT_DIFFERS: "We have {ours}, they have {theirs}: {difference} apart.",
    Class.MISSING_THERE: "We have {ours}, they have nothing.",
    Class.EXTRA_THERE: "They have {theirs}, we have nothing.",
    Class.DOUBLED_THERE: "It is there more than once: {theirs} instead of {ours}.",
    Class.WRONG_ACCOUNT: "It is there under another account.",
    Class.WRONG_CURRENCY: "We have {ours}, there it is in another currency.",
    Class.REFUNDED_HERE_ONLY: "We gave {ours} back, they do not know.",
    Class.REFUNDED_THERE_ONLY: "They gave {theirs} back, we did not.",
    Class.COMMISSION_DENIED: "The commission of {theirs} was denied.",
    Class.COMMISSION_PENDING: "The commission of {theirs} waits for approval.",
    Class.COMMISSION_PAID: "The commission of {theirs} was paid.",
    Class.OUTSIDE_PERIOD: "One of the books has it in another period.",
}
_REASONS = {
    "tax": "The difference is the tax.",
    "discount": "The difference is the discount.",
    "tax_and_discount": "The difference is tax and discount.",
    "rounding": "It was rounded.",
    "currency_conversion": "It was converted from another currency.",
    "unit": "Major and minor units were mixed up.",
    "part": "Only a part is there.",
    "label": "The number is the same: the currency was named wrongly.",
    "was_sent": "We sent it and it was accepted; it is not in their list.",
    "never_sent": "It was never sent: no flow was on for it.",
    "nothing_sent": "Nothing was sent: no flow was on, and no referral is known.",
    "earned_nothing": "It earned no commission, so no list shows it.",
    "names_no_invoice": "The payment names no invoice of ours.",
    "time_zone": "The two clocks stand in different time zones.",
    "repaired": "It was put right.",
}


def words(compared: Line) -> str:
    """What a line says, for people."""
    theirs, currency = compared.theirs, compared.currency
    if compared.foreign is not None:
        currency, theirs = compared.foreign
    text = _WORDS[compared.name].format(
        ours=money_text(compared.ours, compared.currency),
        theirs=money_text(theirs, currency),
        difference=money_text(abs(compared.difference), compared.currency),
    )
    if compared.name is Class.WRONG_ACCOUNT:
        return f"{text} It should be {compared.account_id}, and is {compared.reason}."
    known = _REASONS.get(compared.reason, "")
    stated = (
        compared.reason if compared.name in (Class.FAILED, Class.UNKNOWN, Class.WAITING, Class.NOT_REFERRED) else ""
    )
    return f"{text} {known or stated}".strip()
