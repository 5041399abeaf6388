"""Credit follows the commission, and the request for payment follows what is open."""

from __future__ import annotations

from dataclasses import replace

from affluent.domain.money.credits import Terms, credit_position
from affluent.domain.money.effects import EffectKind, State
from affluent.domain.money.facts import (
    CommissionState,
    CreditGrant,
    InvoiceState,
    PaymentRequest,
    RequestState,
    current,
)
from affluent.domain.money.receipts import receipts_of
from affluent.domain.money.requests import request_plan
from tests.unit.money.made import applied, at, commission, effect, invoice, paid

TERMS = Terms(currency="USD", minor_units=100)
EARNED = commission(20, is_cash=False, currency="")
TAKEN = commission(-20, is_cash=False, currency="", id_="com_2", on=5)
GRANT = CreditGrant(
    source="billing", id="crd_1", commission_id="com_1", account_id="PRM-1", amount=2000, currency="USD", **at(4)
)


def steps(facts, effects=(), terms=TERMS):
    return [(s.kind, s.key, s.amount, s.state) for s in credit_position("pro_1", facts, effects, terms).plan]


def test_an_approved_commission_of_20_credits_becomes_20_dollars():
    assert steps([EARNED]) == [(EffectKind.CREDIT, "com_1", 2000, State.DUE)]


def test_a_granted_credit_is_not_granted_again():
    assert steps([EARNED, GRANT]) == []
    assert steps([EARNED], [effect(EffectKind.CREDIT, "com_1", 2000)]) == []


def test_a_negative_commission_takes_the_credit_back():
    assert steps([EARNED, GRANT, TAKEN]) == [(EffectKind.CREDIT_BACK, "com_1", 2000, State.DUE)]


def test_a_denied_commission_takes_the_credit_back():
    denied = commission(20, is_cash=False, currency="", state=CommissionState.DENIED, on=6)
    assert steps([EARNED, GRANT, denied]) == [(EffectKind.CREDIT_BACK, "com_1", 2000, State.DUE)]


def test_a_commission_taken_back_before_any_credit_was_granted_grants_nothing():
    assert steps([EARNED, TAKEN]) == []


def test_a_credit_that_was_used_asks_a_person():
    assert steps([EARNED, replace(GRANT, used=500), TAKEN]) == [(EffectKind.CREDIT_BACK, "com_1", 2000, State.PROPOSED)]


def test_where_billing_cannot_void_a_person_is_asked_and_the_money_is_open():
    made = credit_position("pro_1", [EARNED, GRANT, TAKEN], [], replace(TERMS, can_take_back=False))
    assert [step.state for step in made.plan] == [State.PROPOSED]
    assert [(finding.is_open, finding.amount) for finding in made.findings] == [(True, 2000)]


def test_a_credit_whose_answer_was_lost_holds_its_reversal():
    unknown = effect(EffectKind.CREDIT, "com_1", 2000, state=State.UNKNOWN)
    assert steps([EARNED, TAKEN], [unknown]) == [(EffectKind.CREDIT_BACK, "com_1", 2000, State.HELD)]


def request(amount=118000, *, id_="inv_r1", state=RequestState.OPEN, on=0.5, paid_part=0):
    return PaymentRequest(
        source="gateway",
        id=id_,
        invoice_id="INV-1",
        amount=amount,
        currency="INR",
        paid=paid_part,
        state=state,
        **at(on),
    )


def asks(*facts, effects=()):
    sale = receipts_of("INV-1", current(facts))
    assert sale is not None
    return [(step.kind, step.key, step.amount, step.state) for step in request_plan(sale, facts, effects)]


def test_an_open_invoice_is_asked_for():
    assert asks(invoice()) == [(EffectKind.REQUEST, "INV-1", 118000, State.DUE)]
    assert asks(invoice(), request()) == []


def test_the_request_of_a_void_invoice_is_withdrawn():
    assert asks(invoice(state=InvoiceState.VOID), request()) == [(EffectKind.WITHDRAWAL, "inv_r1", 0, State.DUE)]


def test_the_request_of_an_invoice_paid_otherwise_is_withdrawn():
    bank = [paid(id_="utr_1", invoice_id="", channel="bank"), applied("utr_1", 118000)]
    assert asks(invoice(), request(), *bank) == [(EffectKind.WITHDRAWAL, "inv_r1", 0, State.DUE)]


def test_the_request_of_an_invoice_paid_in_part_is_replaced_once_it_is_withdrawn():
    bank = [paid(50000, id_="utr_1", invoice_id="", channel="bank"), applied("utr_1", 50000)]
    assert asks(invoice(), request(), *bank) == [
        (EffectKind.WITHDRAWAL, "inv_r1", 0, State.DUE),
        (EffectKind.REQUEST, "INV-1:2", 68000, State.HELD),
    ]
    withdrawn = request(state=RequestState.WITHDRAWN, on=2)
    assert asks(invoice(), request(), withdrawn, *bank) == [(EffectKind.REQUEST, "INV-1:2", 68000, State.DUE)]


def test_a_part_paid_at_the_gateway_itself_leaves_the_request_as_it_is():
    assert asks(invoice(), paid(50000), request(paid_part=50000, on=1)) == []
