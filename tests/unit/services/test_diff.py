"""What changed between two versions of a flow, in words."""

from __future__ import annotations

import pytest

from affluent.domain.diff import changes
from affluent.domain.flow import FlowDefinition
from tests.integration.services.desk import outbound

ORDER, ATTACH = outbound()["steps"]
BEFORE = FlowDefinition.model_validate(outbound())


def after(**changed) -> FlowDefinition:
    return FlowDefinition.model_validate(outbound(**changed))


def test_the_first_version_says_just_that() -> None:
    assert changes(None, BEFORE) == ("First version.",)


def test_the_same_says_that_nothing_changed() -> None:
    assert changes(BEFORE, after()) == ("Nothing changed.",)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (after(name="New name"), ("Name is now “New name” (it was “Order on payment”).",)),
        (after(description="Why."), ("Description added: “Why.”.",)),
        (
            after(trigger={"app": "togai", "trigger": "invoice_made"}),
            ("It starts with togai.invoice_made instead of togai.invoice_paid.",),
        ),
        (
            after(trigger={**outbound()["trigger"], "condition": "true", "options": {"every": 5}}),
            ("Trigger: option every added: “5”.", "Trigger: condition added: “true”."),
        ),
        (after(steps=[ORDER]), ("Step 'attach' (togai.attach) removed.",)),
        (after(steps=[ORDER, ATTACH, {**ATTACH, "id": "again"}]), ("Step 'again' (togai.attach) added as number 3.",)),
        (
            after(steps=[ORDER, ATTACH, {**ATTACH, "id": "again", "title": "Attach twice"}]),
            ("Step “Attach twice” (togai.attach) added as number 3.",),
        ),
        (after(steps=[ATTACH, ORDER]), ("Step 'attach' is number 1 now.", "Step 'order' is number 2 now.")),
        (after(steps=[{**ORDER, "action": "note"}, ATTACH]), ("Step 'order' does shop.note instead of shop.order.",)),
        (
            after(steps=[{**ORDER, "inputs": {"id": "x", "extra": [1]}}, ATTACH]),
            (
                "Step 'order': id is now “x” (it was “{{ trigger.id }}”).",
                "Step 'order': amount removed (it was “{{ minor_units(trigger.net, trigger.currency) }}”).",
                "Step 'order': extra added: “[1]”.",
            ),
        ),
        (after(inputs=[{"key": "plan", "title": "Plan"}]), ("Question 'Plan' (inputs.plan) added.",)),
        (after(tracks_money_of="sales"), ("The name of the money it tracks added: “sales”.",)),
    ],
)
def test_a_change_is_said_in_words(definition, words) -> None:
    assert changes(BEFORE, definition) == words


def test_changed_and_removed_questions_are_named() -> None:
    old = after(inputs=[{"key": "plan", "title": "Plan"}, {"key": "who", "title": "Who"}])
    new = after(inputs=[{"key": "plan", "title": "Plan", "required": True}])
    assert changes(old, new) == (
        "Question 'Who' (inputs.who) removed.",
        "Question 'Plan' (inputs.plan) changed: required.",
    )


def test_long_values_are_cut() -> None:
    (words,) = changes(BEFORE, after(description="x" * 500))
    assert len(words) < 200
