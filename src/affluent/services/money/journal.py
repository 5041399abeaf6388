"""The money journal as a use case: double entries that follow from all facts, written for accounting products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.exports import Chart, Format, Journal, export, journals
from affluent.domain.money.facts import Fact, Invoice, current
from affluent.domain.money.journal import post
from affluent.services.errors import Invalid
from affluent.store import facts as store
from affluent.store.database import Database

_BEGINNING = date(1970, 1, 1)
_TAX_RATE = "tax rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """An exported journal."""

    name: str
    text: str
    media_type: str
    journals: int
    """How many journals (entries, each currency by itself) it holds."""


class MoneyJournal:
    """Use cases of the money journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export(
        self,
        form: Format,
        *,
        first: date | None = None,
        last: date | None = None,
        currency: str = "",
        accounts: Mapping[str, str] | None = None,
    ) -> JournalFile:
        """The entries posted from `first` to `last`; `accounts` names ours as the product does.

        Raises Invalid when the days are the wrong way round, and for a product whose files name no currency when there are several.
        """
        if first is not None and last is not None and last < first:
            raise Invalid("Must not lie before the first day.", field="to")
        facts = await self._database.read(store.everything)
        span = first or _BEGINNING, last or date.max
        entries = [
            entry
            for entry in post(due_entries(facts), (), open_from=_BEGINNING)
            if span[0] <= entry.posted_on <= span[1]
        ]
        chosen = journals(entries, currency=currency.upper())
        if not form.has_currency:
            _require_one_currency(chosen)
        return JournalFile(
            name=_file_name(form, first, last, currency),
            text=export(chosen, form, _chart(facts, accounts or {})),
            media_type="text/plain; charset=utf-8" if form is Format.HLEDGER else "text/csv; charset=utf-8",
            journals=len(chosen),
        )


def _file_name(form: Format, first: date | None, last: date | None, currency: str) -> str:
    days = [str(day) for day in (first, last) if day is not None] or ["all"]
    return "-".join(filter(None, ["journal", form, *days, currency.upper()])) + f".{form.suffix}"


def _require_one_currency(chosen: Sequence[Journal]) -> None:
    currencies = sorted({journal.currency for journal in chosen})
    if len(currencies) > 1:
        listed = ", ".join(currencies)
        raise Invalid(f"Files for this product name no currency. Choose one of {listed}.", field="currency")


def _chart(facts: Sequence[Fact], accounts: Mapping[str, str]) -> Chart:
    customers = {f"receivable:{fact.id}": fact.account_id for fact in current(facts) if isinstance(fact, Invoice)}
    own = {name: value for name, value in accounts.items() if name != _TAX_RATE}
    if _TAX_RATE in accounts:
        return Chart(accounts=own, names=customers, tax_rate=accounts[_TAX_RATE])
    return Chart(accounts=own, names=customers)
