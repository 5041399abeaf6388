"""Whatever happens in whatever order: the tracker ends with the net that the facts say, and each state is explained."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.effects import State
from affluent.domain.money.findings import AccountKind, Class
from affluent.domain.money.journal import balances, post
from affluent.domain.money.policy import Counts
from tests.unit.money.made import START, day
from tests.unit.money.simulated import ANSWERS, EVENTS, POLICY, World, leaves, live, right_net

MONEY_CLASSES = {Class.PAID_TWICE, Class.OVERPAID, Class.PAID_AFTER_VOID}


def check(world: World) -> None:
    made = world.settle()
    truth = world.truth
    assert world.tracker.net == right_net(world)
    assert all(world.sentences)
    amounts = dict.fromkeys(Class, 0)
    for finding in made.findings:
        amounts[finding.name] += finding.amount
    assert sum(amounts[name] for name in MONEY_CLASSES) == truth.owed_back == sum(m.amount for m in made.unapplied)
    assert amounts[Class.REFUND_TOO_LARGE] == truth.too_much_back
    others = {finding.name for finding in made.findings if finding.is_open} - MONEY_CLASSES - {Class.REFUND_TOO_LARGE}
    assert others == set()
    assert all(finding.kind is not AccountKind.BASE for finding in made.findings if finding.is_open)
    entries = post(due_entries(world.facts), [], open_from=START.date())
    accounts = {balance.account: balance.closing for balance in balances(entries, START.date(), day(90).date())}
    assert -sum(amount for account, amount in accounts.items() if account.startswith("unapplied:")) == truth.owed_back
    assert sum(amount for account, amount in accounts.items() if account.startswith("over-")) == truth.too_much_back
    calls = world.tracker.calls
    world.settle()
    assert world.tracker.calls == calls, "a second repair sends something"
    alone = leaves(world)
    assert alone is None or (alone.state is State.DUE) == truth.is_leaving


@pytest.mark.parametrize("first", EVENTS)
def test_every_history_of_up_to_three_events_ends_right(first):
    for others in [(), *product(EVENTS), *product(EVENTS, repeat=2)]:
        check(live([(event, 0) for event in (first, *others)]))


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", EVENTS)
def test_every_history_of_four_events_ends_right(first):
    for others in product(EVENTS, repeat=3):
        check(live([(event, 0) for event in (first, *others)]))


EVENT = st.tuples(st.sampled_from(EVENTS), st.integers(0, 3))
HISTORY = st.lists(EVENT, max_size=7)
SCRIPT = st.lists(st.sampled_from(ANSWERS), max_size=6)


@given(HISTORY, SCRIPT)
def test_any_history_with_late_facts_and_lost_answers_ends_right(history, script):
    check(live(history, script))


@given(HISTORY, SCRIPT)
def test_any_history_told_as_it_is_paid_ends_right(history, script):
    check(live(history, script, replace(POLICY, counts=Counts.AS_IT_IS_PAID)))
