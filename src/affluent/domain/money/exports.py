"""The money journal as files: CSV that accounting products import as manual journals, and a plain-text journal for hledger.

Each entry is one journal of one currency, with a number made of the entry's id, so that the same facts make the same numbers.
CSV files use one account for each kind (`receivable`, `payable`, `clearing:gateway`) or the one that it is mapped to, and say in
the description whose it is; the plain-text journal keeps every account apart.

Columns as the products document them: Xero's template of manual journals (no currency: the organisation's own), QuickBooks
Online's list for "Import journal entries", Zoho Books' sample file of journals, TallyPrime's sample Excel file of accounting
vouchers (no currency: the company's own).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from affluent.domain.money.journal import Entry, Posting
from affluent.kit.csv_text import safe, written
from affluent.kit.money import Money

NO_CURRENCY = "XXX"
"""Stands for money whose currency nobody states: ISO 4217's code for no currency. Products refuse it, so it is not overlooked."""
_BY_CHANNEL = ("clearing", "disputed")
"""Kinds of accounts that each channel has one of; of the others the whole kind is one account."""
_UNSAFE = re.compile(r"[^\w.@+#/ -]|^ | $|(?<= ) ")


class Format(StrEnum):
    """For whom a journal is written."""

    XERO = "xero"
    QUICKBOOKS = "quickbooks"
    ZOHO = "zoho"
    TALLY = "tally"
    HLEDGER = "hledger"

    @property
    def has_currency(self) -> bool:
        """Whether a file may hold several currencies."""
        return self not in (Format.XERO, Format.TALLY)

    @property
    def suffix(self) -> str:
        """How the name of a file ends."""
        return "journal" if self is Format.HLEDGER else "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the accounts are called where the file is imported."""

    accounts: Mapping[str, str] = field(default_factory=dict)
    """Our account, or its kind → the product's name or code."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Our account → the customer or promoter whose it is."""
    tax_rate: str = "Tax Exempt"
    """Xero's name of the rate without tax: tax is an account of its own here."""

    def account(self, posting: Posting) -> str:
        """The product's account of a posting."""
        kind, _, _ = posting.account.partition(":")
        own = posting.account if kind in _BY_CHANNEL else kind
        return safe(self.accounts.get(posting.account) or self.accounts.get(kind) or own)

    def name(self, posting: Posting) -> str:
        """Whose it is, for accounts that ask for a contact."""
        kind, _, whose = posting.account.partition(":")
        return safe(self.names.get(posting.account) or (whose if kind == "payable" else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One entry in one currency."""

    id: str
    number: str
    """Short enough for every product (16 characters), and always the same for the same entry."""
    day: date
    currency: str
    sentence: str
    postings: tuple[Posting, ...]
    cause: str
    corrects: str
    refers_to: date | None


def journals(entries: Iterable[Entry], *, currency: str = "") -> list[Journal]:
    """The entries in the order of days, each currency by itself; only one currency where it is given."""
    made = []
    for entry in sorted(entries, key=lambda entry: (entry.posted_on, entry.id)):
        for code in dict.fromkeys(posting.currency for posting in entry.postings):
            shown = code or NO_CURRENCY
            if currency in ("", shown):
                made.append(_journal(entry, code, shown))
    return made


def export(journals: Sequence[Journal], form: Format, chart: Chart) -> str:
    """The file."""
    if form is Format.HLEDGER:
        return _hledger(journals)
    columns, row = _CSV[form]
    rows: list[Sequence[str]] = [columns]
    rows += [row(journal, posting, chart) for journal in journals for posting in journal.postings]
    return written(rows)


def _journal(entry: Entry, code: str, shown: str) -> Journal:
    digest = hashlib.sha256(f"{entry.id}\n{code}".encode()).hexdigest()
    return Journal(
        id=entry.id,
        number=f"AFF-{digest[:12].upper()}",
        day=entry.posted_on,
        currency=shown,
        sentence=entry.sentence,
        postings=tuple(posting for posting in entry.postings if posting.currency == code),
        cause=entry.cause,
        corrects=entry.corrects,
        refers_to=entry.refers_to,
    )


def _xero(journal: Journal, posting: Posting, chart: Chart) -> Sequence[str]:
    narration = f"{journal.number} {journal.sentence}"  # lines of the same narration and date are one journal
    amount = _amount(posting.amount, journal.currency)
    day = f"{journal.day:%d/%m/%Y}"
    return [
        safe(narration), day, _what(journal, posting), chart.account(posting), chart.tax_rate, amount, "", "", "", "",
    ]  # fmt: skip


def _quickbooks(journal: Journal, posting: Posting, chart: Chart) -> Sequence[str]:
    debit, credit = _sides(journal, posting)
    return [
        journal.number, f"{journal.day:%m/%d/%Y}", journal.currency, safe(journal.sentence), chart.account(posting),
        debit, credit, _what(journal, posting), chart.name(posting),
    ]  # fmt: skip


def _zoho(journal: Journal, posting: Posting, chart: Chart) -> Sequence[str]:
    debit, credit = _sides(journal, posting)
    prefix, _, suffix = journal.number.rpartition("-")
    return [
        journal.day.isoformat(), safe(journal.id), f"{prefix}-", suffix, safe(journal.sentence), "both",
        journal.currency, chart.account(posting), _what(journal, posting), chart.name(posting), debit, credit, "draft",
    ]  # fmt: skip


def _tally(journal: Journal, posting: Posting, chart: Chart) -> Sequence[str]:
    return [
        f"{journal.day:%d-%m-%Y}", "Journal", journal.number, chart.account(posting),
        _amount(abs(posting.amount), journal.currency), "Dr" if posting.amount > 0 else "Cr",
        safe(f"{journal.sentence} {_what(journal, posting)}"),
    ]  # fmt: skip


_Row = Callable[[Journal, Posting, Chart], Sequence[str]]
_CSV: dict[Format, tuple[Sequence[str], _Row]] = {
    Format.XERO: (
        (
            "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", "TrackingName1",
            "TrackingOption1", "TrackingName2", "TrackingOption2",
        ),
        _xero,
    ),
    Format.QUICKBOOKS: (
        (
            "Journal No.", "Journal Date", "Currency", "Memo", "Account Name", "Debits", "Credits", "Description",
            "Name",
        ),
        _quickbooks,
    ),
    Format.ZOHO: (
        (
            "Journal Date", "Reference Number", "Journal Number Prefix", "Journal Number Suffix", "Notes",
            "Journal Type", "Currency", "Account", "Description", "Contact Name", "Debit", "Credit", "Status",
        ),
        _zoho,
    ),
    Format.TALLY: (
        (
            "Voucher Date", "Voucher Type Name", "Voucher Number", "Ledger Name", "Ledger Amount",
            "Ledger Amount Dr/Cr", "Voucher Narration",
        ),
        _tally,
    ),
}  # fmt: skip


def _what(journal: Journal, posting: Posting) -> str:
    """Whose account it is, and the entry's id."""
    _, _, whose = posting.account.partition(":")
    return safe(f"{whose} ({journal.id})" if whose else journal.id)


def _sides(journal: Journal, posting: Posting) -> tuple[str, str]:
    amount = _amount(abs(posting.amount), journal.currency)
    return (amount, "") if posting.amount > 0 else ("", amount)


def _amount(minor: int, currency: str) -> str:
    """An exact decimal with the currency's own places; without a currency the number as it is."""
    return str(minor) if currency == NO_CURRENCY else format(Money(minor, currency).major, "f")


def _hledger(journals: Sequence[Journal]) -> str:
    """A journal that passes `hledger check --strict`: every commodity and account is declared, days are in order."""
    commodities = sorted({journal.currency for journal in journals})
    accounts = sorted({_account(posting) for journal in journals for posting in journal.postings})
    lines = [f"commodity {code} {_style(code)}" for code in commodities]
    lines += [f"account {account}" for account in accounts]
    for journal in journals:
        lines += ["", f"{journal.day} ({_plain(journal.number)}) {_text(journal.sentence)}", f"    ; {_tags(journal)}"]
        width = max(len(_account(posting)) for posting in journal.postings)
        lines += [
            f"    {_account(posting):<{width}}  {journal.currency} {_amount(posting.amount, journal.currency)}"
            for posting in journal.postings
        ]
    return "".join(f"{line}\n" for line in lines)


def _style(code: str) -> str:
    """How amounts of a currency are written; the decimal point is always there, so that none is taken for a thousands' mark."""
    amount = _amount(0, code)
    return f"1000{amount[1:] or '.'}"


def _account(posting: Posting) -> str:
    kind, colon, whose = posting.account.partition(":")
    return f"{_plain(kind)}:{_plain(whose) or '%'}" if colon else _plain(kind)


def _plain(name: str) -> str:
    """A name with nothing that a plain-text journal reads as more than a letter; what is replaced keeps names apart."""
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), name)


def _text(sentence: str) -> str:
    return " ".join(sentence.replace(";", ",").split())


def _tags(journal: Journal) -> str:
    tags = {"entry": journal.id, "cause": journal.cause, "corrects": journal.corrects}
    tags["refers-to"] = str(journal.refers_to or "")
    values = {name: ":".join(map(_plain, value.split(":"))) for name, value in tags.items() if value}
    return ", ".join(f"{name}:{value}" for name, value in values.items())
