"""The view model of a statement: periods, figures, bars by day, classes, and lines with what people call things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlencode

from markupsafe import Markup

from affluent.domain.reconciliation.statement import EXPLAINED, Class, Leg
from affluent.kit.money import Money, MoneyError
from affluent.services.reconciliation.case_files import CaseFile, Names
from affluent.services.reconciliation.repair import RepairPlan
from affluent.services.reconciliation.views import FigureView, LineView, StatementView, SumView, money_text
from affluent.web.formatting import times
from affluent.web.formatting.charts import Bar, stacked
from affluent.web.formatting.money import in_words
from affluent.web.forms import Form

OPEN, EXPLAINED_BUT = "open", "explained"
GROUPS: dict[str, tuple[str, ...]] = {
    OPEN: tuple(name.value for name in Class if name not in EXPLAINED),
    EXPLAINED_BUT: tuple(name.value for name in Class if name in EXPLAINED and name is not Class.MATCHED),
}
"""Classes that are asked for together."""
LEGS = {
    "sale": "Sale", "refund": "Refund", "commission": "Commission", "payment": "Payment",
    "payment_refund": "Payment given back",
}  # fmt: skip
BADGES = {
    "matched": ("ok", "circle-check"), "waiting": ("warn", "hourglass"), "unknown": ("violet", "circle-help"),
    "outside_period": ("info", "calendar"), "commission_pending": ("info", "clock"), "commission_paid": ("ok", "banknote"),
    "commission_denied": ("", "ban"), "not_referred": ("", "minus"), "below_minimum": ("", "minus"),
}  # fmt: skip
_WRONG = ("bad", "circle-alert")
_BEFORE_IDS = "/reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which lines are shown, as it stands in the address."""

    name: str = ""
    """A class, or a group of GROUPS."""
    leg: str = ""
    currency: str = ""
    after: str = ""
    opened: str = ""
    """The line that is unfolded: leg:invoice."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes that are shown; empty: all but matched ones."""
        return GROUPS.get(self.name, (self.name,) if self.name else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month that can be chosen."""

    text: str
    href: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The records that were read of one system."""

    title: str
    connection: str
    records: int
    is_complete: bool
    sentence: str
    digest: str
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """A statement, or what stands there before the first one."""

    months: tuple[Month, ...]
    month: str
    """The chosen one's text; empty: another range."""
    may_write: bool
    form: Form
    dialog: str = ""
    zone: str = "UTC"
    reads: tuple[str, ...] = ()
    """The systems whose books would be read."""
    statement: StatementView | None = None
    filter: Filter = Filter()
    lines: tuple[LineView, ...] = ()
    names: Mapping[str, Names] = field(default_factory=dict)
    newer: str = ""
    older: str = ""
    case: CaseFile | None = None
    books: tuple[Book, ...] = ()
    tracker: str = "the tracker"
    plan: RepairPlan | None = None
    repair_line: str = ""
    problems: tuple[str, ...] | None = None
    q: str = ""
    nothing: str = ""
    """What was looked for and not found."""

    @property
    def base(self) -> str:
        """The address of the statement."""
        return f"{_BEFORE_IDS}/{quote(self.statement.id)}" if self.statement else _BEFORE_IDS

    @property
    def is_working(self) -> bool:
        """Whether it is still being read or compared."""
        return self.statement is not None and self.statement.phase in ("reading", "comparing")

    @property
    def is_closed(self) -> bool:
        """Whether the period is locked."""
        return self.statement is not None and self.statement.locked_at is not None

    @property
    def period(self) -> str:
        """The days of the statement in words."""
        return days_of(self.statement) if self.statement else ""

    @property
    def figure(self) -> FigureView | None:
        """The figures of the chosen currency."""
        figures = self.statement.figures if self.statement else ()
        return next(
            (figure for figure in figures if figure.currency == self.filter.currency), figures[0] if figures else None
        )

    @property
    def totals(self) -> tuple[SumView, ...]:
        """The classes of the chosen currency, those to look at first."""
        own_totals = (
            [total for total in self.statement.totals if total.currency == self.filter.currency]
            if self.statement
            else []
        )
        legs, names = list(Leg), list(Class)
        return tuple(
            sorted(
                own_totals,
                key=lambda total: (total.is_explained, legs.index(Leg(total.leg)), names.index(Class(total.name))),
            )
        )

    @property
    def open_count(self) -> int:
        """Comparisons that nobody has explained, in every currency."""
        return sum(total.count for total in self.statement.totals if not total.is_explained) if self.statement else 0

    @property
    def elsewhere(self) -> tuple[FigureView, ...]:
        """Other currencies with unexplained money."""
        figures = self.statement.figures if self.statement else ()
        return tuple(
            figure for figure in figures if figure.unexplained_count and figure.currency != self.filter.currency
        )

    def address(self, **changed: str) -> str:
        """The address with these fields changed; the page begins anew unless it is given."""
        kept = {"currency": self.filter.currency, "class": self.filter.name, "leg": self.filter.leg, **changed}
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"{self.base}?{query}" if query else self.base

    def key(self, line: LineView) -> str:
        """The key that unfolds a line: leg:invoice."""
        return f"{line.leg}:{line.invoice_id}"

    def amount(self, minor: int, currency: str) -> str:
        """For people."""
        return amount(minor, currency)

    def called(self, invoice_id: str) -> str:
        """The number of an invoice as people know it; its id when that is not known."""
        named = self.names.get(invoice_id)
        return named.invoice if named else invoice_id

    def chart(self, width: int) -> Markup:
        """Paid invoices by day."""
        return chart(self.statement, width) if self.statement else Markup("")


def amount(minor: int, currency: str) -> str:
    """$2,499.00; of a code that is no currency the bare number."""
    try:
        return in_words(Money(minor, currency))
    except MoneyError:
        return money_text(minor, currency)


def label(name: str) -> str:
    """The name of a class as people read it."""
    return name.replace("_", " ").capitalize()


def badge_of(name: str) -> tuple[str, str]:
    """The colour and the icon of a class."""
    return BADGES.get(name, _WRONG)


def first_and_last(statement: StatementView) -> tuple[date, date]:
    """The days of a statement in its own zone."""
    zone = times.zone(statement.zone)
    last = statement.period_end - timedelta(seconds=1)
    return statement.period_start.astimezone(zone).date(), last.astimezone(zone).date()


def days_of(statement: StatementView) -> str:
    """1 to 24 Nov 2026, 28 Oct to 3 Nov 2026."""
    first, last = first_and_last(statement)
    if first == last:
        return f"{last.day} {last:%b %Y}"
    begins = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%b}"
    return f"{begins if first.year == last.year else f'{begins} {first.year}'} to {last.day} {last:%b %Y}"


def months(today: date, count: int = 3) -> tuple[Month, ...]:
    """The last months, oldest first; the current one up to today."""
    made: list[Month] = []
    last = today
    for _ in range(count):
        first = last.replace(day=1)
        made.append(Month(text=f"{first:%b}", href=f"{_BEFORE_IDS}?month={first:%Y-%m}", first=first, last=last))
        last = first - timedelta(days=1)
    newest = made[0]
    made[0] = Month(text=f"{newest.first:%b %Y}", href=newest.href, first=newest.first, last=newest.last)
    return tuple(reversed(made))


def month_of(statement: StatementView, known: Sequence[Month]) -> str:
    """The text of the month that a statement is about; empty when it is about other days."""
    first, last = first_and_last(statement)
    same = [month for month in known if month.first == first and (last.year, last.month) == (first.year, first.month)]
    return same[0].text if same else ""


def chart(statement: StatementView, width: int) -> Markup:
    """Bars for every day of the period, at most as many as fit."""
    first, last = first_and_last(statement)
    counts = {day.day: day for day in statement.days}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    every = max(1, len(days) // (6 if width > 500 else 3))
    bars = [_bar(day, counts.get(day.isoformat()), is_marked=index % every == 0) for index, day in enumerate(days)]
    invoices = sum(day.matched + day.pending + day.different for day in statement.days)
    different = sum(day.different for day in statement.days)
    text = f"{invoices} paid invoices; {different} differ."
    return stacked(bars, ("a", "b", "c"), title="Paid invoices by day", text=text, width=width, height=236)


def _bar(day: date, counts: object, *, is_marked: bool) -> Bar:
    values = tuple(int(getattr(counts, name, 0)) for name in ("matched", "pending", "different"))
    title = f"{day.day} {day:%b}: {values[0]} matched, {values[1]} pending, {values[2]} different"
    return Bar(title=title, label=f"{day.day} {day:%b}" if is_marked else "", values=values)
