"""The worked numbers: facts in any order, and what the tracker is told in the end."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from affluent.domain.money.effects import Effect, EffectKind, Planned, State
from affluent.domain.money.facts import DisputeState, Entry, EntryState, InvoiceState, Means, RefundState
from affluent.domain.money.findings import AccountKind, Class
from affluent.domain.money.policy import Counts, Policy
from affluent.domain.money.position import Position, next_calls, position, repair_calls
from affluent.domain.money.sales import aliases, by_sale, invoices_of
from tests.unit.money.made import (
    ACCOUNT,
    NOW,
    applied,
    at,
    commission,
    day,
    dispute,
    effect,
    invoice,
    lead,
    paid,
    refund,
    visitor,
)

SALE, REFUND, AGAIN, BACK = EffectKind.SALE, EffectKind.REFUND, EffectKind.AGAIN, EffectKind.BACK
AS_PAID = Policy(counts=Counts.AS_IT_IS_PAID)


def two_places(currency: str) -> int:
    return 0 if currency in ("JPY", "CLP", "KRW") else 2


VENDOR = Policy(places=two_places)


def at_hand(facts, effects=(), policy=VENDOR, now=NOW, sale_id="INV-1") -> Position:
    """The position, which must be there."""
    made = position(sale_id, facts, effects, now=now, policy=policy)
    assert made is not None
    return made


def calls(made: Position) -> list[tuple[EffectKind, str, int]]:
    """What is planned and not told yet."""
    return [(step.kind, step.key, step.units) for step in made.plan if step.state in (State.DUE, State.HELD)]


def as_taken(step: Planned) -> Effect:
    return effect(step.kind, step.key, step.units, amount=step.amount, currency=step.currency)


def all_told(facts, effects=(), policy=VENDOR) -> list[tuple[EffectKind, str, int]]:
    """What the tracker has been told when every call that is due was made and taken, one after the other."""
    known = list(effects)
    while due := next_calls(at_hand(facts, known, policy)):
        known.append(as_taken(due[0]))
    return [(item.kind, item.key, item.units) for item in known]


def arriving(facts, policy=VENDOR) -> list[tuple[EffectKind, str, int]]:
    """What the tracker has been told when facts come one by one and every due call is made at once."""
    known: list[Effect] = []
    for count in range(1, len(facts) + 1):
        made = position("INV-1", facts[:count], known, now=NOW, policy=policy)
        while made is not None and (due := next_calls(made)):
            known.append(as_taken(due[0]))
            made = position("INV-1", facts[:count], known, now=NOW, policy=policy)
    return [(item.kind, item.key, item.units) for item in known]


def net(entries) -> int:
    return sum(units if kind in (SALE, AGAIN) else -units for kind, _, units in entries)


def names(made: Position) -> list[Class]:
    return [finding.name for finding in made.findings]


def open_money(made: Position) -> list[tuple[Class, int]]:
    return [(finding.name, finding.amount) for finding in made.findings if finding.is_open]


WHOLE_BACK = (invoice(), paid(), refund(47200), refund(70800, on=6, id_="rfnd_2"), lead())


def test_two_refunds_of_a_told_sale_take_back_400_and_600():
    facts = [lead(), invoice(), paid(), refund(47200), refund(70800, on=6, id_="rfnd_2")]
    assert arriving(facts) == [(SALE, "INV-1", 100000), (REFUND, "rfnd_1", 40000), (REFUND, "rfnd_2", 60000)]


@pytest.mark.parametrize("facts", list(permutations(WHOLE_BACK)))
def test_the_net_of_a_sale_given_back_is_nil_in_any_order_of_arrival(facts):
    assert net(arriving(list(facts))) == 0


def test_a_refund_learned_before_its_payment_is_held_and_told_after_the_sale():
    facts = [lead(), invoice(), refund(70800)]
    assert at_hand(facts).plan == ()
    assert arriving([*facts, paid()]) == [(SALE, "INV-1", 100000), (REFUND, "rfnd_1", 60000)]


def test_the_refund_of_an_untold_sale_is_held_by_the_sale():
    made = at_hand([lead(), invoice(), paid(), refund(70800)])
    assert [(step.kind, step.state, step.held_by) for step in made.plan] == [
        (SALE, State.DUE, ""),
        (REFUND, State.HELD, "INV-1"),
    ]


def test_nothing_is_told_of_a_sale_whose_money_went_back_before():
    made = at_hand([lead(), invoice(), paid(), refund(118000)])
    assert (made.plan, made.name) == ((), Class.NOTHING_DUE)


def test_three_refunds_of_jpy_take_back_304_302_and_304():
    facts = [lead(), invoice(1001, 910, "JPY"), paid(1001, "JPY")]
    facts += [refund(part, id_=f"rfnd_{n}", on=4 + n, currency="JPY") for n, part in enumerate((334, 333, 334), 1)]
    assert [units for _, _, units in arriving(facts)] == [910, 304, 302, 304]


def test_a_refund_and_a_lost_dispute_of_one_payment_count_once():
    facts = [lead(), invoice(), paid(), refund(118000), dispute(state=DisputeState.LOST)]
    assert arriving(facts) == [(SALE, "INV-1", 100000), (REFUND, "rfnd_1", 100000)]
    made = at_hand(facts, [effect(SALE, "INV-1", 100000), effect(REFUND, "rfnd_1", 100000)])
    assert open_money(made) == [(Class.REFUND_TOO_LARGE, 118000)]


def test_a_dispute_that_is_won_changes_nothing():
    facts = [lead(), invoice(), paid(), dispute(), dispute(state=DisputeState.WON, on=9)]
    assert arriving(facts) == [(SALE, "INV-1", 100000)]


def test_a_dispute_won_after_it_was_lost_counts_again():
    lost = [lead(), invoice(), paid(), dispute(state=DisputeState.LOST)]
    known = [effect(SALE, "INV-1", 100000), effect(REFUND, "disp_1", 100000)]
    assert calls(at_hand(lost, known)) == []
    (again,) = [
        step for step in at_hand([*lost, dispute(state=DisputeState.WON, on=9)], known).plan if step.kind is AGAIN
    ]
    assert (again.key, again.units, again.answers_to, again.state) == ("INV-1:again:1", 100000, "disp_1", State.DUE)


def test_parts_by_bank_and_gateway_are_one_sale_when_full():
    bank = [paid(50000, id_="utr_1", invoice_id="", channel="bank"), applied("utr_1", 50000)]
    assert arriving([lead(), invoice(), *bank]) == []
    assert arriving([lead(), invoice(), *bank, paid(68000, on=2)]) == [(SALE, "INV-1", 100000)]


def test_the_second_payment_of_an_invoice_is_owed_back():
    bank = [paid(id_="utr_1", invoice_id="", channel="bank"), applied("utr_1", 118000)]
    facts = [lead(), invoice(), *bank, paid(on=2)]
    assert arriving(facts) == [(SALE, "INV-1", 100000)]
    made = at_hand(facts, [effect(SALE, "INV-1", 100000)])
    assert [(money.channel, money.payment_id, money.amount) for money in made.unapplied] == [
        ("gateway", "pay_1", 118000)
    ]
    assert open_money(made) == [(Class.PAID_TWICE, 118000)]


def test_the_fee_on_the_customer_is_no_part_of_the_sale():
    facts = [lead(), invoice(), paid(120360, fee_on_customer=2360, fee=2360, fee_tax=360)]
    made = at_hand(facts)
    assert (made.received, made.unapplied, calls(made)) == (118000, (), [(SALE, "INV-1", 100000)])


def test_kwd_goes_out_in_the_two_places_that_the_vendor_counts():
    facts = [lead(), invoice(741255, 741255, "KWD"), paid(741255, "KWD")]
    assert calls(at_hand(facts)) == [(SALE, "INV-1", 74126)]


def test_a_refused_sale_that_is_resumed_is_told_before_the_refund():
    facts = [lead(), invoice(), paid(), refund(47200)]
    refused = effect(SALE, "INV-1", 100000, state=State.REJECTED, reason="Plan is not valid")
    made = at_hand(facts, [refused])
    assert [(step.key, step.state) for step in made.plan] == [("INV-1", State.REJECTED), ("rfnd_1", State.HELD)]
    assert next_calls(made) == []
    assert [step.key for step in repair_calls(made)] == ["INV-1"]
    assert all_told(facts, [effect(SALE, "INV-1", 100000)]) == [(SALE, "INV-1", 100000), (REFUND, "rfnd_1", 40000)]


def test_a_refused_sale_whose_money_went_back_is_not_told_any_more():
    refused = effect(SALE, "INV-1", 100000, state=State.REJECTED, reason="Plan is not valid")
    made = at_hand([lead(), invoice(), paid(), refund(118000)], [refused])
    assert [(step.key, step.state) for step in made.plan] == [("INV-1", State.DROPPED)]
    assert repair_calls(made) == []
    assert not made.is_open


def test_a_lost_answer_holds_what_answers_to_it():
    unknown = effect(SALE, "INV-1", 100000, state=State.UNKNOWN)
    made = at_hand([lead(), invoice(), paid(), refund(47200)], [unknown])
    assert [(step.key, step.state, step.held_by) for step in made.plan] == [
        ("INV-1", State.UNKNOWN, ""),
        ("rfnd_1", State.HELD, "INV-1"),
    ]
    assert made.name is Class.OUTCOME_UNKNOWN


def test_pending_and_failed_refunds_count_nothing():
    known = [effect(SALE, "INV-1", 100000)]
    for state in (RefundState.PENDING, RefundState.FAILED):
        assert calls(at_hand([lead(), invoice(), paid(), refund(47200, state=state)], known)) == []


def test_a_refund_that_failed_after_it_was_told_counts_again():
    known = [effect(SALE, "INV-1", 100000), effect(REFUND, "rfnd_1", 40000)]
    facts = [lead(), invoice(), paid(), refund(47200), refund(47200, on=8, state=RefundState.FAILED)]
    assert calls(at_hand(facts, known)) == [(AGAIN, "INV-1:again:1", 40000)]


def test_a_void_invoice_takes_back_what_was_told_and_owes_the_money_back():
    facts = [lead(), invoice(), paid(), invoice(on=7, state=InvoiceState.VOID)]
    made = at_hand(facts, [effect(SALE, "INV-1", 100000)])
    assert calls(made) == [(REFUND, "INV-1:void", 100000)]
    assert open_money(at_hand(facts, policy=replace(VENDOR, told_within=NOW - day(0)))) == [
        (Class.PAID_AFTER_VOID, 118000)
    ]


def test_a_written_off_invoice_counts_nothing_and_owes_nothing_back():
    made = at_hand([lead(), invoice(), paid(50000), invoice(on=7, state=InvoiceState.WRITTEN_OFF)])
    assert (made.plan, made.unapplied, made.due) == ((), (), 0)


def test_billing_tells_of_a_refund_that_the_gateway_tells_of_as_well_and_it_counts_once():
    whole = refund(118000, payment_id="", invoice_id="INV-1", id_="INV-1/refund", on=6)
    facts = [lead(), invoice(state=InvoiceState.PAID), paid(), refund(118000, on=5), whole]
    assert arriving(facts) == [(SALE, "INV-1", 100000), (REFUND, "rfnd_1", 100000)]


def test_as_it_is_paid_each_part_is_a_sale_and_the_parts_add_up():
    parts = [paid(16857 + (n == 6), id_=f"pay_{n}", on=1 + n) for n in range(7)]
    sales = arriving([lead(), invoice(), *parts], AS_PAID)
    assert [key for _, key, _ in sales] == [f"INV-1:pay_{n}" for n in range(7)]
    assert net(sales) == 100000


@pytest.mark.parametrize(
    ("currency", "total", "net_amount", "parts"),
    [
        ("JPY", 1100, 1000, [367, 367, 366]),
        ("KWD", 105000, 100000, [17500] * 6),
        ("INR", 11799, 9999, [1685] * 6 + [1689]),
        ("CLF", 1234567, 1037452, [411522, 411522, 411523]),
    ],
)
def test_parts_add_up_to_the_net_in_every_number_of_places(currency, total, net_amount, parts):
    payments = [paid(part, currency, id_=f"pay_{n}", on=1 + n) for n, part in enumerate(parts)]
    sales = arriving([lead(), invoice(total, net_amount, currency), *payments], AS_PAID)
    assert net(sales) == net_amount


def test_the_refund_of_one_part_answers_to_the_sale_of_that_part():
    facts = [lead(), invoice(), paid(50000), paid(68000, id_="pay_2", on=2), refund(68000, payment_id="pay_2")]
    known = [effect(SALE, "INV-1:pay_1", 42373), effect(SALE, "INV-1:pay_2", 57627)]
    (back,) = next_calls(at_hand(facts, known, AS_PAID))
    assert (back.key, back.units, back.answers_to) == ("rfnd_1", 57627, "INV-1:pay_2")


def test_as_it_is_paid_one_payment_of_the_whole_is_told_under_the_invoice():
    assert arriving([lead(), invoice(), paid()], AS_PAID) == [(SALE, "INV-1", 100000)]


def test_a_payment_that_names_no_invoice_is_a_sale_of_its_own():
    facts = [lead(), paid(invoice_id="", net=100000)]
    made = at_hand(facts, sale_id="pay_1")
    assert calls(made) == [(SALE, "pay_1", 100000)]
    assert Class.NAMES_NO_INVOICE in names(made)


def test_what_was_told_under_the_payment_counts_as_told_when_it_is_applied_to_an_invoice():
    facts = [lead(), paid(invoice_id="", net=100000), invoice(), applied("pay_1", 118000, on=3)]
    assert invoices_of(facts[1], facts) == ["INV-1"]
    assert aliases("INV-1", facts) == {"INV-1", "pay_1"}
    assert "pay_1" not in by_sale(facts)
    made = at_hand(by_sale(facts)["INV-1"], [effect(SALE, "pay_1", 100000)])
    assert (calls(made), made.name) == ([], Class.SETTLED)


def test_a_refund_of_what_was_paid_too_much_takes_nothing_back():
    facts = [lead(), invoice(), paid(120000), refund(2000)]
    made = at_hand(facts, [effect(SALE, "INV-1", 100000)])
    assert (calls(made), made.unapplied, made.is_open) == ([], (), False)


def test_one_payment_for_two_invoices_shares_its_refund():
    facts = [lead(), invoice(), invoice(59000, 50000, id_="INV-2"), paid(177000, invoice_id="")]
    facts += [applied("pay_1", 118000), applied("pay_1", 59000, invoice_id="INV-2"), refund(88500)]
    sales = by_sale(facts)
    first = at_hand(sales["INV-1"], [effect(SALE, "INV-1", 100000)])
    second = at_hand(sales["INV-2"], [effect(SALE, "INV-2", 50000)], sale_id="INV-2")
    assert [calls(first), calls(second)] == [[(REFUND, "rfnd_1", 50000)], [(REFUND, "rfnd_1", 25000)]]


def test_money_that_went_back_and_came_again_counts_again():
    facts = [lead(), invoice(), paid(), refund(118000), paid(id_="pay_2", on=8)]
    known = [effect(SALE, "INV-1", 100000), effect(REFUND, "rfnd_1", 100000)]
    made = at_hand(facts, known)
    assert (calls(made), made.unapplied, made.kept) == ([(AGAIN, "INV-1:again:1", 100000)], (), 118000)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([invoice(state=InvoiceState.PAID)], (Class.PAID_WITHOUT_RECEIPT, 118000)),
        ([invoice(), paid(120000)], (Class.OVERPAID, 2000)),
        (
            [invoice(), paid(106200), applied("tds_1", 11800, means=Means.WITHHELD_TAX)],
            (Class.TAX_WITHHELD, 11800),
        ),
        (
            [invoice(), paid(invoice_id="INV-9"), applied("pay_1", 118000)],
            (Class.CASH_ON_WRONG_INVOICE, 118000),
        ),
        ([invoice(), paid(), refund(130000)], (Class.REFUND_TOO_LARGE, 12000)),
    ],
)
def test_money_in_question_has_its_class_and_its_amount(facts, found):
    assert found in open_money(at_hand([lead(), *facts]))


def test_an_invoice_paid_by_credit_is_told_and_not_open():
    facts = [lead(), invoice(), applied("crd_1", 118000, means=Means.CREDIT)]
    made = at_hand(facts, [effect(SALE, "INV-1", 100000)])
    assert (names(made), made.is_open, calls(made)) == ([Class.SETTLED, Class.PAID_BY_CREDIT], False, [])


def test_a_sign_up_goes_before_the_sale():
    made = at_hand([visitor(), invoice(), paid()])
    assert [(step.kind, step.key, step.state) for step in made.plan] == [
        (EffectKind.SIGN_UP, ACCOUNT, State.DUE),
        (SALE, "INV-1", State.HELD),
    ]


def test_a_second_correction_has_a_number_of_its_own():
    facts = [lead(), invoice(), paid(), refund(47200, state=RefundState.FAILED)]
    known = [effect(SALE, "INV-1", 100000), effect(REFUND, "rfnd_1", 40000), effect(AGAIN, "INV-1:again:1", 30000)]
    assert calls(at_hand(facts, known)) == [(AGAIN, "INV-1:again:2", 10000)]


def test_a_commission_is_compared_with_the_first_answer_and_the_terms():
    base = [lead(), invoice(), paid()]
    known = [effect(SALE, "INV-1", 100000)]
    changed = at_hand([*base, commission(12000, promised=15000)], known)
    assert open_money(changed) == [(Class.COMMISSION_CHANGED, 3000)]
    other = at_hand([*base, commission(12000, rate=(3, 20))], known)
    assert open_money(other) == [(Class.OTHER_RATE, 3000)]
    assert {finding.kind for finding in other.findings if finding.is_open} == {AccountKind.PAYABLE}


def test_a_payment_moved_to_another_invoice_takes_its_sale_along():
    moved = [invoice(), invoice(id_="INV-2"), paid(invoice_id=""), applied("pay_1", 118000), applied("pay_1", 0, on=9)]
    sales = by_sale([lead(), *moved, applied("pay_1", 118000, on=9, invoice_id="INV-2")])
    first = at_hand(sales["INV-1"], [effect(SALE, "INV-1", 100000)])
    assert calls(first) == [(BACK, "INV-1:back:1", 100000)]
    assert calls(at_hand(sales["INV-2"], sale_id="INV-2")) == [(SALE, "INV-2", 100000)]


def test_a_payment_that_names_the_invoice_gives_way_to_one_that_billing_applied_later():
    bank = [paid(id_="utr_1", invoice_id="", channel="bank", on=3), applied("utr_1", 118000, on=3)]
    made = at_hand([lead(), invoice(), paid(on=2), *bank])
    assert [(money.payment_id, money.amount) for money in made.unapplied] == [("pay_1", 118000)]


def entry(key, units, *, on=4, state=EntryState.HELD, currency="INR", account_id=ACCOUNT):
    return Entry(
        source="tracker",
        id=key,
        sale_id="INV-1",
        units=units,
        currency=currency,
        account_id=account_id,
        state=state,
        **at(on),
    )


def test_a_lost_answer_is_settled_by_the_tracker_s_list():
    unknown = effect(SALE, "INV-1", 100000, state=State.UNKNOWN)
    made = at_hand([lead(), invoice(), paid(), entry("INV-1", 100000)], [unknown])
    assert [(step.key, step.state) for step in made.plan] == [("INV-1", State.ALREADY_THERE)]
    gone = at_hand([lead(), invoice(), paid(), entry("INV-1", 0, state=EntryState.ABSENT)], [unknown])
    assert [step.key for step in next_calls(gone)] == ["INV-1"]


def test_what_the_tracker_took_and_does_not_list_is_missing_and_not_sent_again_by_itself():
    absent = entry("INV-1", 1, state=EntryState.ABSENT)
    made = at_hand([lead(), invoice(), paid(), absent], [effect(SALE, "INV-1", 100000)])
    assert (made.name, next_calls(made)) == (Class.MISSING_THERE, [])
    assert [step.key for step in repair_calls(made)] == ["INV-1"]


def test_a_list_that_is_older_than_the_answer_changes_nothing():
    absent = entry("INV-1", 1, state=EntryState.ABSENT, on=1)
    assert at_hand([lead(), invoice(), paid(), absent], [effect(SALE, "INV-1", 100000)]).name is Class.SETTLED


def test_a_sale_that_somebody_tracked_by_hand_counts_and_is_not_told_again():
    made = at_hand([lead(), invoice(), paid(), entry("by-hand-7", 100000)])
    assert (calls(made), made.is_open) == ([], False)


def test_a_second_sale_made_by_hand_is_extra_and_only_a_person_takes_it_back():
    made = at_hand([lead(), invoice(), paid(), entry("by-hand-7", 100000)], [effect(SALE, "INV-1", 100000)])
    assert (open_money(made), next_calls(made)) == ([(Class.EXTRA_THERE, 100000)], [])
    assert [(step.kind, step.units) for step in repair_calls(made)] == [(BACK, 100000)]


def test_an_amount_changed_at_the_tracker_is_a_difference():
    made = at_hand([lead(), invoice(), paid(), entry("INV-1", 90000)], [effect(SALE, "INV-1", 100000)])
    assert (open_money(made), next_calls(made)) == ([(Class.AMOUNT_DIFFERS, 10000)], [])


def test_another_currency_or_customer_at_the_tracker_is_a_difference():
    foreign = at_hand(
        [lead(), invoice(), paid(), entry("INV-1", 100000, currency="USD")], [effect(SALE, "INV-1", 100000)]
    )
    assert open_money(foreign) == [(Class.OTHER_CURRENCY, 100000)]
    stranger = at_hand(
        [lead(), invoice(), paid(), entry("INV-1", 100000, account_id="ACC-9")], [effect(SALE, "INV-1", 100000)]
    )
    assert open_money(stranger) == [(Class.WRONG_CUSTOMER, 100000)]


def test_a_dismissed_sale_stays_untold_with_its_reason():
    dismissed = effect(SALE, "INV-1", 100000, state=State.REJECTED, is_dismissed=True, reason="a test customer")
    made = at_hand([lead(), invoice(), paid(), refund(47200)], [dismissed])
    assert (made.name, repair_calls(made)) == (Class.DISMISSED, [])
    assert "a test customer" in made.sentence


def test_a_due_call_that_nobody_made_for_an_hour_was_never_told():
    made = at_hand([lead(), invoice(), paid()], now=day(1.03))
    assert made.name is Class.WAITING
    assert at_hand([lead(), invoice(), paid()]).name is Class.NOT_TOLD


def test_where_billing_tells_of_no_payments_its_word_is_enough():
    trusting = replace(VENDOR, billing_tells_receipts=False)
    made = at_hand([lead(), invoice(state=InvoiceState.PAID)], [effect(SALE, "INV-1", 100000)], trusting)
    assert made.name is Class.SETTLED


def test_what_is_less_than_the_vendor_counts_is_not_told():
    made = at_hand([lead(), invoice(4, 4, "KWD"), paid(4, "KWD")])
    assert (made.plan, made.name) == ((), Class.BELOW_SMALLEST)


def test_money_of_another_currency_settles_nothing_and_is_said():
    made = at_hand([invoice(), paid(2000, "USD"), lead()])
    (finding,) = [item for item in made.findings if item.is_open]
    assert (made.received, finding.name, finding.kind) == (0, Class.OTHER_CURRENCY, AccountKind.CLEARING)
    assert (finding.amount, finding.currency) == (2000, "USD")
    assert finding.sentence == "Payment pay_1 brought USD 20.00, and INV-1 is in INR: it settles nothing."
