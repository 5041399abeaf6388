"""Reconciliation as an app: it only starts flows, and what it hands out is what a statement tells."""

from __future__ import annotations

from affluent.apps.reconciliation.app import app
from affluent.apps.reconciliation.schemas import Correction, Unexplained
from affluent.kit.money import Money
from affluent.sdk import TriggerKind


def test_it_starts_flows_and_does_nothing_itself() -> None:
    assert not app.actions
    assert {trigger.kind for trigger in app.triggers.values()} == {TriggerKind.INTERNAL}


def test_the_sample_of_unexplained_money_says_in_one_sentence_what_its_remainders_say() -> None:
    told = Unexplained.model_validate(app.sample("unexplained.json"))
    (left,) = told.remainders
    assert f"{left.currency} {Money.parse(left.amount, left.currency).major:,}" in told.summary
    assert f"{told.first_day} to {told.last_day}" in told.summary


def test_a_correction_hands_its_inputs_on_as_they_are() -> None:
    sample = app.sample("correction.json")
    assert Correction.model_validate(sample).inputs == sample["inputs"]
