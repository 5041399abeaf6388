"""Statements: cases, remainders that never cancel out, and the sentence on an amount."""

from __future__ import annotations

from datetime import date

from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.commissions import why_commission
from affluent.domain.money.effects import EffectKind
from affluent.domain.money.facts import CommissionState, Resolution
from affluent.domain.money.findings import OPEN, TEXTS, AccountKind, Class
from affluent.domain.money.journal import post
from affluent.domain.money.position import position
from affluent.domain.money.sales import by_sale
from affluent.domain.money.statement import case_of, loose_findings, statement, why
from tests.unit.money.made import NOW, at, commission, dispute, effect, invoice, lead, paid, refund

NOVEMBER, DECEMBER = (date(2026, 11, 1), date(2026, 11, 30)), (date(2026, 12, 1), date(2026, 12, 31))
SALE = effect(EffectKind.SALE, "INV-1", 100000)


def made(facts, effects=(), period=NOVEMBER, entries=None):
    cases = []
    for sale_id, own in by_sale(facts).items():
        known = position(sale_id, own, effects, now=NOW)
        assert known is not None
        cases.append(case_of(known, own, period[1]))
    entries = post(due_entries(facts), [], open_from=NOVEMBER[0]) if entries is None else entries
    return statement(cases, entries, loose_findings(facts), first=period[0], last=period[1])


def test_every_class_has_its_text():
    assert set(TEXTS) == set(Class)
    assert Class.SETTLED not in OPEN


def test_a_settled_case_leaves_nothing_in_question():
    month = made([lead(), invoice(), paid()], [SALE])
    assert [(case.sale_id, case.name) for case in month.cases] == [("INV-1", Class.SETTLED)]
    assert month.is_closed


def test_a_case_that_did_not_move_stands_in_a_later_month_only_while_it_is_open():
    assert made([lead(), invoice(), paid()], [SALE], DECEMBER).cases == ()
    open_month = made([lead(), invoice(), paid(120000)], [SALE], DECEMBER)
    assert [(case.name, case.age_days) for case in open_month.cases] == [(Class.OVERPAID, 59)]


def test_money_of_different_kinds_is_never_added_up_and_never_cancels_out():
    facts = [
        lead(),
        invoice(),
        paid(120000),
        commission(12000, promised=15000),
        commission(18000, promised=15000, id_="com_2"),
    ]
    assert made(facts, [SALE]).remainder == {(AccountKind.CLEARING, "INR"): 2000, (AccountKind.PAYABLE, "INR"): 6000}


def test_a_refund_of_a_payment_that_nobody_knows_is_in_question():
    month = made([lead(), invoice(), refund(47200)])
    assert month.remainder == {(AccountKind.CLEARING, "INR"): 47200}


def test_what_a_person_settled_with_a_note_is_not_open_any_more():
    facts = [lead(), invoice(), paid(120000)]
    note = Resolution(
        source="person", id="res_1", corrects="overpaid:INV-1", amount=2000, currency="INR", approver="Ada",
        note="kept as credit", **at(9),
    )  # fmt: skip
    month = made([*facts, note], [SALE])
    assert month.is_closed
    assert "Settled by Ada: kept as credit." in month.cases[0].sentence


def test_a_resolution_of_less_money_leaves_the_case_open():
    note = Resolution(
        source="person",
        id="res_1",
        corrects="overpaid:INV-1",
        amount=1999,
        currency="INR",
        approver="Ada",
        note="x",
        **at(9),
    )
    assert not made([lead(), invoice(), paid(120000), note], [SALE]).is_closed


def test_an_open_dispute_is_said_and_not_in_question():
    month = made([lead(), invoice(), paid(), dispute()], [SALE])
    assert month.is_closed
    assert "disputed" in month.cases[0].sentence


def test_a_denial_after_the_payout_names_the_case():
    gone = commission(15000, state=CommissionState.DENIED, was_paid=True)
    month = made([lead(), invoice(), paid(), gone], [SALE])
    assert (month.cases[0].name, month.remainder) == (
        Class.DENIED_AFTER_PAYOUT,
        {(AccountKind.PAYABLE, "INR"): 15000},
    )


def test_why_names_rate_base_invoice_promoter_and_campaign():
    earned = commission(64000, currency="JPY", base=320000, base_currency="JPY", rate=(1, 5), campaign="Partners")
    assert why_commission(earned, 320000, "JPY", "INV-1012") == (
        "JPY 64,000 = 20 % of JPY 320,000 net of INV-1012, for pro_1, campaign Partners."
    )


def test_why_gives_no_rate_that_the_tracker_does_not_state():
    assert why_commission(commission(15000), 100000, "INR", "INV-1") == (
        "INR 150.00 is what the tracker states for INR 1,000.00 net of INV-1, for pro_1."
    )


def test_why_says_what_was_converted():
    earned = commission(2400, currency="USD", base=12000, base_currency="USD", rate=(1, 5))
    assert why_commission(earned, 1000000, "INR", "INV-1") == (
        "USD 24.00 = 20 % of USD 120.00, to which the tracker converted INR 10,000.00 net of INV-1, for pro_1."
    )


def test_why_of_a_sale_without_commission_says_how_it_stands():
    known = position("INV-1", [lead(), invoice()], [], now=NOW)
    assert known is not None
    assert why(known, [invoice()]) == "INR 0.00 of INR 1,180.00 are paid for INV-1."
