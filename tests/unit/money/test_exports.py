"""Exports of the money journal: columns as the products document them, balanced per currency, and judged by hledger."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.exports import NO_CURRENCY, Chart, Format, export, journals
from affluent.domain.money.facts import Fact
from affluent.domain.money.journal import Balance, Entry, balances, post
from affluent.kit.money import Money
from tests.support.hledger import judged
from tests.unit.money.made import applied, commission, invoice, paid, refund
from tests.unit.money.test_journal import FACTS, settlement

FIRST, LAST = date(2026, 11, 1), date(2026, 12, 31)
PRODUCTS = [form for form in Format if form is not Format.HLEDGER]
SALE = [invoice(), paid(fee=2360, fee_tax=360), settlement(), commission(15000), refund(47200)]
YEN = [
    invoice(1001, 910, "JPY", id_="INV-J"),
    paid(1001, "JPY", id_="pay_j", invoice_id="INV-J"),
    invoice(741255, 741255, "KWD", id_="INV-K"),
    commission(77, currency="", id_="com_u"),
]


def entries_of(facts: Sequence[Fact]) -> list[Entry]:
    return post(due_entries(facts), [], open_from=FIRST)


def rows_of(
    facts: Sequence[Fact], form: Format, chart: Chart | None = None, currency: str = ""
) -> list[dict[str, str]]:
    text = export(journals(entries_of(facts), currency=currency), form, chart or Chart())
    return list(csv.DictReader(io.StringIO(text)))


def decimal(balance: Balance) -> Decimal:
    return Money(balance.closing, balance.currency).major if balance.currency else Decimal(balance.closing)


def test_xero_gets_a_line_for_each_posting_with_debits_above_nought():
    rows = rows_of([invoice()], Format.XERO)
    number = rows[0]["*Narration"].split()[0]
    assert [(row["*Narration"], row["*Date"], row["*AccountCode"], row["*Amount"]) for row in rows] == [
        (f"{number} Invoice INV-1 is open.", "01/11/2026", "receivable", "1180.00"),
        (f"{number} Invoice INV-1 is open.", "01/11/2026", "revenue", "-1000.00"),
        (f"{number} Invoice INV-1 is open.", "01/11/2026", "tax", "-180.00"),
    ]
    assert {row["*TaxRate"] for row in rows} == {"Tax Exempt"}
    assert rows[0]["Description"] == "INV-1 (invoice:billing:INV-1/1)"


def test_quickbooks_gets_debits_and_credits_and_whose_the_receivable_is():
    chart = Chart(names={"receivable:INV-1": "ACC-1"}, accounts={"receivable": "Accounts Receivable (A/R)"})
    rows = rows_of([invoice()], Format.QUICKBOOKS, chart)
    assert [(row["Account Name"], row["Debits"], row["Credits"], row["Name"]) for row in rows] == [
        ("Accounts Receivable (A/R)", "1180.00", "", "ACC-1"),
        ("revenue", "", "1000.00", ""),
        ("tax", "", "180.00", ""),
    ]
    assert {(row["Journal Date"], row["Currency"], len(row["Journal No."])) for row in rows} == {
        ("11/01/2026", "INR", 16)
    }


def test_zoho_books_gets_the_entrys_id_as_reference_and_the_promoter_as_contact():
    rows = rows_of([commission(15000)], Format.ZOHO)
    assert [(row["Account"], row["Contact Name"], row["Debit"], row["Credit"]) for row in rows] == [
        ("commissions", "", "150.00", ""),
        ("payable", "pro_1", "", "150.00"),
    ]
    assert {row["Reference Number"] for row in rows} == {"commission:tracker:com_1/1"}
    assert {row["Journal Number Prefix"] for row in rows} == {"AFF-"}


def test_tally_gets_vouchers_of_the_type_journal():
    rows = rows_of([paid(invoice_id="")], Format.TALLY)
    assert [
        (row["Voucher Type Name"], row["Ledger Name"], row["Ledger Amount"], row["Ledger Amount Dr/Cr"]) for row in rows
    ] == [
        ("Journal", "clearing:gateway", "1180.00", "Dr"),
        ("Journal", "revenue", "1180.00", "Cr"),
    ]
    assert rows[0]["Voucher Date"] == "02-11-2026"


def test_amounts_have_the_places_of_their_currency():
    rows = rows_of(YEN, Format.QUICKBOOKS)
    assert {(row["Currency"], row["Debits"]) for row in rows if row["Debits"]} == {
        ("JPY", "1001"),
        ("KWD", "741.255"),
        (NO_CURRENCY, "77"),
    }


def test_a_file_may_be_of_one_currency():
    assert {row["Currency"] for row in rows_of([*SALE, *YEN], Format.ZOHO, currency="JPY")} == {"JPY"}


def test_texts_that_a_spreadsheet_would_compute_are_made_harmless():
    rows = rows_of([commission(15000, promoter_id="=cmd")], Format.QUICKBOOKS)
    assert rows[1]["Name"] == "'=cmd"


def test_the_same_facts_make_the_same_numbers():
    first = {row["Journal No."] for row in rows_of(SALE, Format.QUICKBOOKS)}
    again = {row["Journal No."] for row in rows_of([*YEN, *SALE[::-1]], Format.QUICKBOOKS)}
    assert first < again


def test_the_plain_text_journal_reads_like_one():
    text = export(journals(entries_of([invoice()])), Format.HLEDGER, Chart())
    assert text.splitlines()[:4] == [
        "commodity INR 1000.00",
        "account receivable:INV-1",
        "account revenue",
        "account tax",
    ]
    assert text.splitlines()[6:] == [
        "    ; entry:invoice:billing:INV-1/1, cause:invoice:billing:INV-1",
        "    receivable:INV-1  INR 1180.00",
        "    revenue           INR -1000.00",
        "    tax               INR -180.00",
    ]


STRANGE = ["a  b", " a", "a;b", "a:b:c", "(x)", "ünï 9%", "%20", "*", "", 'q"1', "tab\tx", "new\nline", "{{x}}", "[v]"]


@pytest.mark.parametrize("name", STRANGE)
def test_hledger_reads_whatever_a_vendor_calls_things(name):
    facts = [commission(15000, promoter_id=name, id_=name), commission(77, promoter_id=f"{name}2", id_="com_2")]
    left = judged(export(journals(entries_of(facts)), Format.HLEDGER, Chart()))
    assert sorted(left.values()) == ["-0.77", "-150.00", "150.77"]


def test_hledger_finds_the_balances_that_we_find():
    entries = entries_of([*SALE, *YEN, applied("crd_1", 1000, on=3)])
    left = judged(export(journals(entries), Format.HLEDGER, Chart()))
    assert {at: Decimal(amount) for at, amount in left.items()} == {
        (balance.account, balance.currency or NO_CURRENCY): decimal(balance)
        for balance in balances(entries, FIRST, LAST)
    }


@settings(max_examples=15)
@given(st.lists(st.sampled_from([*FACTS, *YEN]), max_size=14))
def test_hledger_agrees_on_any_facts(facts):
    entries = entries_of(facts)
    left = judged(export(journals(entries), Format.HLEDGER, Chart()))
    ours = {
        (balance.account, balance.currency or NO_CURRENCY): decimal(balance)
        for balance in balances(entries, FIRST, LAST)
    }
    assert {at: Decimal(amount) for at, amount in left.items()} == ours


def amount_of(row: dict[str, str], form: Format) -> Decimal:
    """What a row debits; below nought what it credits."""
    if form is Format.XERO:
        return Decimal(row["*Amount"])
    if form is Format.TALLY:
        return Decimal(row["Ledger Amount"]) * (1 if row["Ledger Amount Dr/Cr"] == "Dr" else -1)
    debit, credit = ("Debits", "Credits") if form is Format.QUICKBOOKS else ("Debit", "Credit")
    return Decimal(row[debit] or 0) - Decimal(row[credit] or 0)


NUMBERS = {
    Format.XERO: ("*Narration", "*AccountCode"),
    Format.QUICKBOOKS: ("Journal No.", "Account Name"),
    Format.ZOHO: ("Journal Number Suffix", "Account"),
    Format.TALLY: ("Voucher Number", "Ledger Name"),
}


@pytest.mark.parametrize("form", PRODUCTS)
@given(
    facts=st.lists(st.sampled_from([*FACTS, *YEN]), max_size=14),
    currency=st.sampled_from(["INR", "JPY", "KWD", NO_CURRENCY]),
)
def test_every_journal_of_any_facts_balances_and_the_totals_are_those_of_the_accounts(form, facts, currency):
    sums: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    number, account = NUMBERS[form]
    for row in rows_of(facts, form, currency=currency):
        sums[row[number]] += amount_of(row, form)
        totals[row[account]] += amount_of(row, form)
    assert set(sums.values()) <= {0}
    ours: Counter[str] = Counter()
    for balance in balances(entries_of(facts), FIRST, LAST):
        kind = balance.account.partition(":")[0]
        name = balance.account if kind in ("clearing", "disputed") else kind
        ours[name] += decimal(balance) if (balance.currency or NO_CURRENCY) == currency else 0
    assert {name: total for name, total in totals.items() if total} == {
        name: total for name, total in ours.items() if total
    }


def test_an_entry_with_two_currencies_becomes_two_journals():
    (entry,) = entries_of([commission(15000)])
    both = replace(entry, postings=(*entry.postings, *(replace(item, currency="USD") for item in entry.postings)))
    made = journals([both])
    assert [(item.currency, sum(posting.amount for posting in item.postings)) for item in made] == [
        ("INR", 0),
        ("USD", 0),
    ]
    assert len({item.number for item in made}) == 2
