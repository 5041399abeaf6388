"""The money journal over stored facts, in both stores."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import date

import pytest

from affluent.domain.money.exports import Format
from affluent.services.errors import Invalid
from affluent.services.money.journal import MoneyJournal
from tests.integration.services.desk import Desk, desk
from tests.support.books import keep_facts
from tests.support.hledger import judged
from tests.unit.money.made import invoice, paid, refund

YEN = (invoice(1001, 910, "JPY", id_="INV-J"), paid(1001, "JPY", id_="pay_j", invoice_id="INV-J", on=3))


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        await keep_facts(opened.database, [invoice(), paid(), refund(47200)])
        yield opened


async def test_stored_facts_make_a_journal_that_hledger_reads(here: Desk) -> None:
    file = await MoneyJournal(here.database).export(Format.HLEDGER)
    assert (file.name, file.journals) == ("journal-hledger-all.journal", 3)
    left = judged(file.text)
    assert (left["clearing:gateway", "INR"], left["revenue", "INR"]) == ("708.00", "-600.00")
    assert left["receivable:INV-1", "INR"] == "0"


async def test_only_what_was_posted_in_these_days_is_exported(here: Desk) -> None:
    file = await MoneyJournal(here.database).export(
        Format.QUICKBOOKS,
        first=date(2026, 11, 1),
        last=date(2026, 11, 1),
        accounts={"receivable": "1200", "revenue": "4000"},
    )
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["Account Name"], row["Name"]) for row in rows] == [("1200", "ACC-1"), ("4000", ""), ("tax", "")]
    assert file.name == "journal-quickbooks-2026-11-01-2026-11-01.csv"


async def test_a_product_whose_files_name_no_currency_gets_one_at_a_time(here: Desk) -> None:
    await keep_facts(here.database, YEN)
    journal = MoneyJournal(here.database)
    with pytest.raises(Invalid, match="Choose one of INR, JPY"):
        await journal.export(Format.XERO)
    file = await journal.export(Format.XERO, currency="jpy", accounts={"tax rate": "No VAT"})
    assert {row["*TaxRate"] for row in csv.DictReader(io.StringIO(file.text))} == {"No VAT"}
    assert file.journals == 2


async def test_days_the_wrong_way_round_are_refused(here: Desk) -> None:
    with pytest.raises(Invalid, match="before the first day"):
        await MoneyJournal(here.database).export(Format.ZOHO, first=date(2026, 11, 2), last=date(2026, 11, 1))
