"""Facts of one thing that leave out what others of it said, in every order of arrival."""

from __future__ import annotations

from itertools import permutations

import pytest

from affluent.domain.money.effects import EffectKind, State
from affluent.domain.money.facts import CommissionState, Entry, current
from affluent.domain.money.policy import Policy
from affluent.domain.money.receipts import receipts_of
from affluent.domain.money.tracker import known_effects
from tests.unit.money.made import at, commission, effect, invoice, lead, paid

BARE = paid(on=1, invoice_id="")
NAMED = paid(on=1)
PROMISED = commission(on=2, promised=15000, sale_id="INV-1")
DENIED = commission(on=4, state=CommissionState.DENIED, sale_id="")
PAID = commission(on=3, state=CommissionState.PAID, was_paid=True, sale_id="")


@pytest.mark.parametrize("facts", list(permutations([BARE, NAMED])))
def test_a_payment_told_without_its_notes_keeps_the_invoice_that_they_named(facts) -> None:
    (payment,) = current(facts)
    assert payment.invoice_id == "INV-1"


@pytest.mark.parametrize("facts", list(permutations([PROMISED, PAID, DENIED])))
def test_a_commission_keeps_its_promise_its_sale_and_that_it_was_paid(facts) -> None:
    (last,) = current(facts)
    assert (last.state, last.promised, last.sale_id, last.was_paid) == (CommissionState.DENIED, 15000, "INV-1", True)


def test_what_a_later_state_says_itself_stands() -> None:
    moved = lead(on=5, promoter_id="pro_2")
    assert current([lead(on=1), moved]) == [moved]


def test_an_entry_without_a_currency_is_in_the_one_that_the_sale_was_told_in() -> None:
    facts = [
        invoice(),
        paid(),
        Entry(source="tracker", id="INV-1", sale_id="INV-1", units=100000, currency="", **at(3)),
    ]
    sale = receipts_of("INV-1", facts)
    assert sale is not None
    (ours,) = known_effects(sale, current(facts), [effect(EffectKind.SALE, "INV-1", 100000)], Policy())
    (theirs,) = known_effects(sale, current(facts), [], Policy())
    assert (ours.state, ours.is_theirs) == (State.APPLIED, False)
    assert (theirs.amount, theirs.currency) == (100000, "INR")
