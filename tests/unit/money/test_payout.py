"""The payout check: what of a promoter's commissions may be paid, what may not and why, what was paid although it should not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.money.facts import (
    Commission,
    CommissionState,
    DisputeState,
    Entry,
    Fact,
    InvoiceState,
    RefundState,
    Resolution,
)
from affluent.domain.money.payout import PayoutCheck, PayoutRules, PromoterPayout, Reason, payout_check
from tests.unit.money.made import ACCOUNT, NOW, applied, at, commission, day, dispute, invoice, lead, paid, refund

RULES = PayoutRules(source="tracker")
APPROVED, PENDING, PAID, DENIED = (
    CommissionState.APPROVED,
    CommissionState.PENDING,
    CommissionState.PAID,
    CommissionState.DENIED,
)


def checked(*facts: Fact, as_of=NOW, rules=RULES) -> PayoutCheck:
    return payout_check(facts, as_of=as_of, rules=rules)


def only(check: PayoutCheck) -> PromoterPayout:
    (promoter,) = check.promoters
    return promoter


def entry(id_="INV-1", units=100000, *, on=2.0, currency="INR", is_refund=False, account_id=ACCOUNT):
    return Entry(
        source="tracker", id=id_, sale_id="INV-1", units=units, currency=currency, is_refund=is_refund,
        account_id=account_id, **at(on),
    )  # fmt: skip


SALE = (invoice(), paid(), lead(), entry())
EARNED = commission(15000)


def test_a_paid_sales_commission_is_paid_whole():
    check = checked(*SALE, EARNED)
    assert (only(check).approved, only(check).held, only(check).to_pay) == (15000, 0, 15000)
    assert check.held == check.paid_wrongly == ()


HELD = [
    ("refunded", [refund(47200)], EARNED, 6000, Reason.REFUNDED, True),
    ("whole refund", [refund(118000)], EARNED, 15000, Reason.REFUNDED, True),
    ("refund on its way", [refund(47200, state=RefundState.PENDING)], EARNED, 6000, Reason.REFUND_PENDING, False),
    ("dispute opened", [dispute()], EARNED, 15000, Reason.DISPUTED, False),
    ("dispute lost", [dispute(state=DisputeState.LOST)], EARNED, 15000, Reason.DISPUTE_LOST, True),
    ("void", [invoice(state=InvoiceState.VOID, on=4)], EARNED, 15000, Reason.VOID, True),
    ("raised by hand", [], commission(20000, promised=15000), 5000, Reason.CHANGED, False),
    ("other rate", [], commission(20000, rate=(15, 100)), 5000, Reason.OTHER_RATE, False),
    ("self-referral", [], commission(15000, is_self_referral=True), 15000, Reason.SELF_REFERRAL, True),
    ("other customer", [entry(account_id="ACC-9", on=3)], EARNED, 15000, Reason.WRONG_CUSTOMER, True),
    ("other currency", [entry(currency="USD", on=3)], EARNED, 15000, Reason.OTHER_CURRENCY, True),
    ("unknown sale", [], commission(15000, sale_id="INV-9", entry_id="INV-9"), 15000, Reason.NO_SALE, False),
]


@pytest.mark.parametrize(
    ("facts", "earned", "held", "reason", "is_final"), [row[1:] for row in HELD], ids=[row[0] for row in HELD]
)
def test_what_should_not_be_paid_is_held_with_its_reason(facts, earned, held, reason, is_final):
    check = checked(*SALE, *facts, earned)
    assert [(row.commission_id, row.held, row.reasons, row.is_final) for row in check.held] == [
        ("com_1", held, (reason,), is_final)
    ]
    assert check.held[0].sentence
    assert only(check).to_pay == earned.amount - held


def test_a_commission_of_an_unpaid_sale_is_not_paid_yet():
    check = checked(invoice(), paid(50000), entry(), EARNED)
    assert check.held[0].reasons == (Reason.UNPAID,)
    assert check.held[0].sentence == "INR 500.00 of INR 1,180.00 are paid for INV-1."
    assert only(check).to_pay == 0


def test_a_part_that_was_told_as_it_was_paid_is_paid():
    part = commission(6356, entry_id="INV-1:pay_1")
    check = checked(invoice(), paid(50000), entry("INV-1:pay_1", 42373), part)
    assert only(check).to_pay == 6356


def test_what_the_tracker_took_back_itself_is_not_held_again():
    back = commission(-6000, id_="com_2", sale_id="", entry_id="rfnd_1", on=6)
    check = checked(*SALE, refund(47200), EARNED, back)
    assert (only(check).approved, only(check).held, only(check).to_pay) == (9000, 0, 9000)


def test_a_take_back_that_is_not_approved_yet_is_held():
    back = commission(-6000, id_="com_2", sale_id="", entry_id="rfnd_1", on=6, state=PENDING)
    check = checked(*SALE, refund(47200), EARNED, back)
    assert (only(check).pending, only(check).held, only(check).to_pay) == (-6000, 6000, 9000)


def test_a_unit_of_rounding_in_what_the_tracker_took_back_holds_nothing():
    back = commission(-5999, id_="com_2", sale_id="", entry_id="rfnd_1", on=6)
    check = checked(*SALE, refund(47200), EARNED, back)
    assert (only(check).held, check.held) == (0, ())


def test_the_second_commission_of_one_sale_is_a_double():
    check = checked(*SALE, EARNED, commission(15000, id_="com_2", on=4))
    assert [(row.commission_id, row.held, row.reasons) for row in check.held] == [("com_2", 15000, (Reason.DOUBLED,))]


def test_a_sale_that_was_told_under_two_ids_is_a_double():
    check = checked(*SALE, entry("pay_1", on=3), EARNED, commission(15000, id_="com_2", entry_id="pay_1", on=4))
    assert [(row.commission_id, row.reasons) for row in check.held] == [("com_2", (Reason.DOUBLED,))]


def test_a_double_that_was_taken_back_at_the_tracker_holds_nothing():
    facts = [entry("pay_1", on=3), entry("INV-1:back:1", on=4, is_refund=True)]
    facts += [commission(15000, id_="com_2", entry_id="pay_1", on=4)]
    facts += [commission(-15000, id_="com_3", entry_id="INV-1:back:1", sale_id="", on=5)]
    check = checked(*SALE, EARNED, *facts)
    assert (only(check).approved, only(check).to_pay, check.held) == (15000, 15000, ())


def test_two_promoters_of_one_sale_are_no_double():
    check = checked(*SALE, EARNED, commission(1500, id_="com_2", promoter_id="pro_2", tier=2))
    assert [(row.promoter_id, row.to_pay) for row in check.promoters] == [("pro_1", 15000), ("pro_2", 1500)]


@pytest.mark.parametrize(("days", "to_pay"), [(24, 15000), (25, 0)])
def test_the_hold_period_begins_with_the_payment_of_the_sale(days, to_pay):
    check = checked(*SALE, EARNED, rules=replace(RULES, hold=timedelta(days=days)))
    assert only(check).to_pay == to_pay


def test_a_commission_that_was_lowered_by_hand_is_paid_as_it_is_and_said():
    check = checked(*SALE, commission(10000, promised=15000))
    assert [(row.held, row.reasons) for row in check.held] == [(0, (Reason.CHANGED,))]
    assert only(check).to_pay == 10000


def test_a_change_that_a_person_confirmed_is_paid():
    confirmed = Resolution(
        source="people", id="res_1", corrects="commission_changed:INV-1", amount=20000, currency="INR", approver="Mia",
        note="Agreed with the partner", **at(9),
    )  # fmt: skip
    check = checked(*SALE, commission(20000, promised=15000), confirmed)
    assert (only(check).to_pay, check.held) == (20000, ())


def test_several_reasons_are_all_said():
    check = checked(*SALE, refund(59000), commission(20000, promised=15000))
    assert check.held[0].reasons == (Reason.CHANGED, Reason.REFUNDED)
    assert (check.held[0].held, only(check).to_pay) == (12500, 7500)


def test_what_is_no_money_is_in_no_sum():
    check = checked(*SALE, EARNED, commission(20, id_="com_2", is_cash=False))
    assert only(check).approved == 15000
    assert [(row.commission_id, row.reasons) for row in check.not_money] == [("com_2", (Reason.NOT_MONEY,))]


def test_a_commission_whose_currency_is_not_stated_stands_apart():
    check = checked(*SALE, EARNED, commission(700, id_="com_2", currency="", entry_id="", sale_id=""))
    assert [(row.currency, row.to_pay) for row in check.promoters] == [("", 700), ("INR", 15000)]


def test_commissions_of_another_tracker_are_not_checked():
    assert checked(*SALE, replace(EARNED, source="other tracker")).promoters == ()


def test_a_bonus_is_of_no_sale_and_paid():
    assert only(checked(commission(5000, sale_id="", entry_id=""))).to_pay == 5000


def test_after_a_payout_earned_approved_and_paid_are_matched():
    facts = [*SALE, replace(EARNED, state=PAID, was_paid=True), commission(3000, id_="com_2", entry_id="", sale_id="")]
    facts += [commission(500, id_="com_3", entry_id="", sale_id="", state=PENDING)]
    promoter = only(checked(*facts))
    assert (promoter.earned, promoter.pending, promoter.approved, promoter.paid) == (18500, 500, 3000, 15000)
    assert promoter.paid_wrongly == 0


WRONG = [
    ("refunded", [refund(47200)], replace(EARNED, state=PAID), 6000, Reason.REFUNDED),
    ("dispute lost", [dispute(state=DisputeState.LOST)], replace(EARNED, state=PAID), 15000, Reason.DISPUTE_LOST),
    ("denied", [], replace(EARNED, state=DENIED, was_paid=True), 15000, Reason.DENIED),
    ("raised", [], commission(20000, promised=15000, state=PAID), 5000, Reason.CHANGED),
]


@pytest.mark.parametrize(
    ("facts", "earned", "wrong", "reason"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_what_was_paid_although_it_should_not_is_said(facts, earned, wrong, reason):
    check = checked(*SALE, *facts, earned)
    assert [(row.held, row.reasons) for row in check.paid_wrongly] == [(wrong, (reason,))]
    assert only(check).paid_wrongly == wrong
    assert only(check).to_pay == 0


def test_what_is_taken_back_after_the_payout_is_set_off_against_the_next_one():
    back = commission(-6000, id_="com_2", sale_id="", entry_id="rfnd_1", on=9)
    check = checked(*SALE, refund(47200, on=8), replace(EARNED, state=PAID), back)
    assert check.paid_wrongly == ()
    assert (only(check).to_pay, only(check).owed_back) == (0, 6000)


def test_a_commission_that_was_paid_inside_the_hold_period_was_paid_too_early():
    early = replace(EARNED, state=PAID, happened_at=day(8))
    check = checked(*SALE, early, rules=replace(RULES, hold=timedelta(days=14)))
    assert [row.reasons for row in check.paid_wrongly] == [(Reason.HOLD_PERIOD,)]


def test_the_check_as_of_a_day_knows_nothing_of_later_days():
    facts = [*SALE, EARNED, refund(118000, on=8), replace(EARNED, state=PAID, happened_at=day(9))]
    check = checked(*facts, as_of=day(5))
    assert (only(check).to_pay, only(check).paid) == (15000, 0)


FACTS = [
    *SALE,
    entry("pay_1", on=3),
    invoice(on=9, state=InvoiceState.VOID),
    paid(50000, id_="pay_2", on=2),
    applied("pay_2", 49000, on=2),
    refund(334),
    refund(47200, id_="rfnd_2", on=6),
    refund(334, on=9, state=RefundState.FAILED),
    dispute(),
    dispute(state=DisputeState.WON, on=8),
    EARNED,
    replace(EARNED, state=PAID, was_paid=True, happened_at=day(7)),
    replace(EARNED, state=DENIED, happened_at=day(9), was_paid=True),
    commission(15000, id_="com_2", entry_id="pay_1", on=4),
    commission(20000, id_="com_3", promised=15000, promoter_id="pro_2"),
    commission(-6000, id_="com_4", sale_id="", entry_id="rfnd_2", on=7),
    commission(-43, id_="com_5", sale_id="", entry_id="rfnd_1", on=7, state=PENDING),
    commission(77, id_="com_6", currency="", sale_id="", entry_id=""),
]


@given(st.lists(st.sampled_from(FACTS), max_size=16), st.integers(0, 24))
def test_any_facts_in_any_order_give_one_check_that_adds_up(facts, days):
    rules = replace(RULES, hold=timedelta(days=days))
    check = checked(*facts, rules=rules)
    assert check == checked(*facts[::-1], rules=rules)
    for promoter in check.promoters:
        assert promoter.earned == promoter.pending + promoter.approved + promoter.paid
        assert promoter.to_pay - promoter.owed_back == promoter.approved - promoter.held
        own = [
            row for row in check.held if (row.promoter_id, row.currency) == (promoter.promoter_id, promoter.currency)
        ]
        assert sum(row.held for row in own) == promoter.held >= 0
    commissions = {fact.id: fact for fact in facts if isinstance(fact, Commission)}
    for row in (*check.held, *check.paid_wrongly):
        assert 0 <= row.held <= commissions[row.commission_id].amount
        assert row.reasons
        assert row.sentence
