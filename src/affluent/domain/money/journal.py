"""The money journal: double entry per currency, posted from facts.

`bookkeeping.due_entries` says what each fact should have posted; `post` writes the difference to what is posted already. So a fact
that came late, changed its state or was wrong is corrected by a new entry, which refers to the day it is about; entries that exist
never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One side of an entry: a debit above 0, a credit below."""

    account: str
    """Kind, and where it has one, whose: `receivable:INV-1`, `clearing:gateway`, `bank`."""
    currency: str
    amount: int


class Unbalanced(ValueError):
    """Debits and credits of an entry are not equal; the message names the entry, the currency and the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `Unbalanced` is raised for one whose debits and credits differ in any currency."""

    id: str
    """Made of the cause, so that the same facts make the same entries."""
    cause: str
    """The fact that it is posted for."""
    posted_on: date
    postings: tuple[Posting, ...]
    refers_to: date | None = None
    """The day that it is about, where that day's period was closed."""
    corrects: str = ""
    """The id of the entry that it corrects, or of the fact that the cause corrects."""
    sentence: str = ""
    sale_ids: tuple[str, ...] = ()
    """The sales that it is about."""

    def __post_init__(self) -> None:
        sums: dict[str, int] = {}
        for posting in self.postings:
            sums[posting.currency] = sums.get(posting.currency, 0) + posting.amount
        for currency, amount in sums.items():
            if amount:
                raise Unbalanced(f"Entry {self.id} is out by {amount} minor units of {currency or 'no currency'}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEntry:
    """What one fact should have posted by now."""

    cause: str
    happened_at: datetime
    postings: tuple[Posting, ...]
    sentence: str
    corrects: str = ""
    sale_ids: tuple[str, ...] = ()


def post(due: Iterable[DueEntry], posted: Sequence[Entry], *, open_from: date) -> list[Entry]:
    """The entries that bring the journal to what is due; none when it is there already.

    Days before `open_from` are closed: what is about them is posted on that day and refers to its own.
    """
    held: dict[str, dict[tuple[str, str], int]] = {}
    before: dict[str, list[Entry]] = {}
    for entry in posted:
        before.setdefault(entry.cause, []).append(entry)
        sums = held.setdefault(entry.cause, {})
        for posting in entry.postings:
            at = posting.account, posting.currency
            sums[at] = sums.get(at, 0) + posting.amount
    entries = []
    for item in due:
        difference = _difference(item.postings, held.get(item.cause, {}))
        if difference:
            entries.append(_entry(item, difference, before.get(item.cause, []), open_from))
    return entries


def _difference(postings: Sequence[Posting], held: Mapping[tuple[str, str], int]) -> tuple[Posting, ...]:
    sums = {at: -amount for at, amount in held.items()}
    for posting in postings:
        at = posting.account, posting.currency
        sums[at] = sums.get(at, 0) + posting.amount
    return tuple(
        Posting(account=account, currency=currency, amount=amount)
        for (account, currency), amount in sums.items()
        if amount
    )


def _entry(item: DueEntry, postings: tuple[Posting, ...], before: Sequence[Entry], open_from: date) -> Entry:
    day = item.happened_at.date()
    # A correction stands where the entry that it corrects stands, or later.
    posted_on = max([day, open_from, *(entry.posted_on for entry in before)])
    return Entry(
        id=f"{item.cause}/{len(before) + 1}",
        cause=item.cause,
        posted_on=posted_on,
        postings=postings,
        refers_to=day if day < open_from else None,
        corrects=before[-1].id if before else item.corrects,
        sentence=item.sentence if not before else f"{item.sentence} Corrects {before[-1].id}.",
        sale_ids=item.sale_ids,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account over a period: opening + debits - credits = closing."""

    account: str
    currency: str
    opening: int
    debits: int
    credits: int

    @property
    def closing(self) -> int:
        return self.opening + self.debits - self.credits


def balances(entries: Iterable[Entry], first: date, last: date) -> list[Balance]:
    """Every account that has moved up to a period's last day, by account and currency."""
    sums: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        if entry.posted_on > last:
            continue
        for posting in entry.postings:
            held = sums.setdefault((posting.account, posting.currency), [0, 0, 0])
            if entry.posted_on < first:
                held[0] += posting.amount
            else:
                held[1 if posting.amount > 0 else 2] += abs(posting.amount)
    return [
        Balance(account=account, currency=currency, opening=opening, debits=debits, credits=credit)
        for (account, currency), (opening, debits, credit) in sorted(sums.items())
    ]
