"""Double entry: the worked table, closed periods, and what holds for any facts in any order."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.facts import CommissionState, DisputeState, InvoiceState, Means, RefundState, Settlement
from affluent.domain.money.journal import Entry, Posting, Unbalanced, balances, post
from tests.unit.money.made import applied, at, commission, dispute, invoice, paid, refund

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DECEMBER = date(2026, 12, 1)


def posted(facts, entries=(), open_from=FIRST) -> list[Entry]:
    return [*entries, *post(due_entries(facts), entries, open_from=open_from)]


def closing(entries, last=date(2027, 12, 31)) -> dict[str, int]:
    return {balance.account: balance.closing for balance in balances(entries, FIRST, last) if balance.closing}


def closing_by_currency(entries) -> dict[tuple[str, str], int]:
    left = balances(entries, FIRST, date(2027, 12, 31))
    return {(balance.account, balance.currency): balance.closing for balance in left if balance.closing}


def sides(entry: Entry) -> dict[str, int]:
    return {posting.account: posting.amount for posting in entry.postings}


def settlement(amount=115640, *, on=4):
    return Settlement(source="gateway", id="setl_1", channel="gateway", amount=amount, currency="INR", **at(on))


ROWS = [
    (invoice(), {"receivable:INV-1": 118000, "revenue": -100000, "tax": -18000}),
    (paid(fee=2360, fee_tax=360), {"clearing:gateway": 118000, "receivable:INV-1": -118000}),
    (settlement(), {"bank": 115640, "clearing:gateway": -115640}),
    (commission(15000), {"commissions": 15000, "payable:pro_1": -15000}),
    (refund(47200), {"revenue": 40000, "tax": 7200, "clearing:gateway": -47200}),
    (commission(-6000, id_="com_2", entry_id="rfnd_1", on=6), {"commissions": -6000, "payable:pro_1": 6000}),
]


@pytest.mark.parametrize(("fact", "expected"), ROWS)
def test_each_fact_of_the_worked_example_posts_what_the_table_says(fact, expected):
    entries = posted([row for row, _ in ROWS])
    (entry,) = [item for item in entries if item.cause.split(":")[2:] == [fact.id]]
    assert sides(entry) == expected


def test_the_fee_is_posted_with_its_tax():
    (fee,) = [entry for entry in posted([fact for fact, _ in ROWS]) if entry.cause.endswith(":fee")]
    assert sides(fee) == {"fees": 2000, "tax on fees": 360, "clearing:gateway": -2360}


def test_a_payout_of_90_leaves_nothing_payable():
    facts = [fact for fact, _ in ROWS]
    facts += [
        commission(15000, state=CommissionState.PAID, was_paid=True, on=8),
        commission(-6000, id_="com_2", entry_id="rfnd_1", state=CommissionState.PAID, was_paid=True, on=8),
    ]
    left = closing(posted(facts))
    assert (left["payouts"], left["commissions"]) == (-9000, 9000)
    assert "payable:pro_1" not in left


def test_an_entry_out_of_balance_is_refused():
    with pytest.raises(Unbalanced, match="out by 1 minor units of INR"):
        Entry(
            id="x/1", cause="x", posted_on=FIRST,
            postings=(Posting(account="bank", currency="INR", amount=2), Posting(account="tax", currency="INR", amount=-1)),
        )  # fmt: skip


def test_posting_twice_posts_nothing():
    facts = [fact for fact, _ in ROWS]
    entries = posted(facts)
    assert post(due_entries(facts), entries, open_from=FIRST) == []


def test_a_fact_of_a_closed_month_is_posted_in_the_open_one_and_refers_to_its_day():
    entries = posted([invoice(), paid()])
    late = posted([invoice(), paid(), refund(47200)], entries, open_from=DECEMBER)
    assert late[: len(entries)] == entries
    assert [(entry.posted_on, entry.refers_to) for entry in late[len(entries) :]] == [(DECEMBER, date(2026, 11, 6))]
    assert closing(late, LAST) == closing(entries, LAST)


def test_a_refund_that_failed_after_the_month_was_closed_is_corrected_in_the_next():
    november = posted([invoice(), paid(), refund(47200)])
    december = posted([invoice(), paid(), refund(47200, on=8, state=RefundState.FAILED)], november, open_from=DECEMBER)
    (correction,) = december[len(november) :]
    assert (correction.corrects, correction.posted_on) == ("refund:gateway:rfnd_1/1", DECEMBER)
    assert closing(december) == closing(posted([invoice(), paid()]))


def test_an_open_dispute_stands_apart_and_a_won_one_comes_back():
    opened = posted([invoice(), paid(), dispute()])
    assert closing(opened)["disputed:gateway"] == 118000
    assert closing(posted([invoice(), paid(), dispute(state=DisputeState.WON, on=9)], opened)) == closing(
        posted([invoice(), paid()])
    )


def test_the_second_money_stands_in_unapplied_until_it_goes_back():
    bank = [paid(id_="utr_1", invoice_id="", channel="bank"), applied("utr_1", 118000)]
    twice = posted([invoice(), *bank, paid(on=2)])
    assert closing(twice)["unapplied:pay_1"] == -118000
    back = posted([invoice(), *bank, paid(on=2), refund(118000)], twice)
    assert {"unapplied:pay_1", "clearing:gateway", "receivable:INV-1"}.isdisjoint(closing(back))


def test_money_of_a_void_invoice_is_owed_back():
    left = closing(posted([invoice(), paid(), invoice(on=7, state=InvoiceState.VOID)], posted([invoice(), paid()])))
    assert left == {"clearing:gateway": 118000, "unapplied:pay_1": -118000}


def test_the_fee_on_the_customer_pays_the_fee():
    left = closing(posted([invoice(), paid(120360, fee_on_customer=2360, fee=2360, fee_tax=360)]))
    assert (left["clearing:gateway"], left["fees recovered"], left["fees"], left["tax on fees"]) == (
        118000,
        -2360,
        2000,
        360,
    )


def test_credit_and_withheld_tax_settle_the_receivable():
    facts = [invoice(), applied("crd_1", 100000, means=Means.CREDIT), applied("tds_1", 18000, means=Means.WITHHELD_TAX)]
    left = closing(posted(facts))
    assert (left["credit"], left["withheld tax"], left.get("receivable:INV-1")) == (100000, 18000, None)


def test_what_is_left_of_a_written_off_invoice_is_lost():
    left = closing(posted([invoice(), paid(50000), invoice(on=7, state=InvoiceState.WRITTEN_OFF)]))
    assert (left["written off"], left.get("receivable:INV-1")) == (68000, None)


def test_a_commission_without_a_currency_is_posted_apart():
    assert closing(posted([commission(15000, currency="")])) == {"commissions": 15000, "currency unknown:pro_1": -15000}


def test_credits_and_points_are_not_money():
    assert posted([commission(20, is_cash=False)]) == []


def test_a_refund_known_before_its_payment_moves_to_the_sale_when_the_payment_comes():
    early = posted([invoice(), refund(47200)])
    assert closing(early)["over-refunded:pay_1"] == 47200
    assert closing(posted([invoice(), refund(47200), paid()], early)) == closing(
        posted([invoice(), paid(), refund(47200)])
    )


FACTS = [
    invoice(),
    invoice(on=9, state=InvoiceState.VOID),
    invoice(on=8, state=InvoiceState.PAID),
    invoice(1001, 910, id_="INV-2"),
    paid(fee=2360, fee_tax=360),
    paid(50000, id_="pay_2", invoice_id="", on=2),
    paid(77777, id_="pay_3", invoice_id="INV-2"),
    applied("pay_2", 49000, on=2),
    applied("pay_2", 500, invoice_id="INV-2", on=3),
    applied("crd_1", 333, means=Means.CREDIT),
    refund(334),
    refund(333, id_="rfnd_2", on=6),
    refund(130000, id_="rfnd_3", on=7),
    refund(49999, id_="rfnd_4", payment_id="pay_2"),
    refund(334, on=9, state=RefundState.FAILED),
    dispute(),
    dispute(state=DisputeState.LOST, on=8),
    dispute(state=DisputeState.WON, on=9),
    commission(15000),
    commission(14000, on=7),
    commission(15000, state=CommissionState.DENIED, on=8),
    commission(7, currency="", id_="com_3"),
    settlement(),
    paid(2000, "USD", id_="pay_4", on=2),
    applied("pay_4", 2000, on=2, currency="USD"),
    applied("pay_4", 118000, on=3, invoice_id="INV-2"),
    refund(500, id_="rfnd_5", payment_id="pay_4", currency="USD"),
]


@given(st.lists(st.sampled_from(FACTS), max_size=14), st.lists(st.integers(1, 14), max_size=4))
def test_any_facts_in_any_order_end_in_the_same_balanced_accounts(facts, stops):
    entries: list[Entry] = []
    for number, stop in enumerate(sorted(stops)):
        closed = tuple(entries)
        entries = posted(facts[:stop], entries, open_from=date(2026, 11, 1 + 3 * number))
        assert tuple(entries[: len(closed)]) == closed
    entries = posted(facts, entries, open_from=DECEMBER)
    assert len({entry.id for entry in entries}) == len(entries)
    assert closing_by_currency(entries) == closing_by_currency(posted(facts[::-1]))
    for balance in balances(entries, DECEMBER, date(2026, 12, 31)):
        assert balance.opening + balance.debits - balance.credits == balance.closing


def test_money_of_another_currency_stands_unapplied_in_its_own():
    entries = posted([invoice(), paid(2000, "USD"), applied("pay_1", 118000), refund(500, currency="USD")])
    left = {(balance.account, balance.currency): balance.closing for balance in balances(entries, FIRST, LAST)}
    assert left["unapplied:pay_1", "USD"] == -1500
    assert left["clearing:gateway", "USD"] == 1500
    assert left["receivable:INV-1", "INR"] == 118000
