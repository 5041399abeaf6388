"""Whatever tells of money says facts: every trigger and action of every app, from its own sample."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from affluent import catalog as catalogs
from affluent.apps.firstpromoter.schemas import Sale
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import Action, App, Trigger
from affluent.sdk.facts import Counts, EffectKind, Fact, Origin

CATALOG = catalogs.load()
APPS = list(CATALOG.apps.values())
CALLS = [action for app in APPS for action in app.actions.values() if action.position is not None]
AT = datetime(2026, 2, 3, 14, 0, tzinfo=UTC)
ORIGIN = Origin(
    source="conn_1",
    happened_at=AT,
    learned_at=AT,
    referral_settings=frozenset(
        name for action in CALLS if action.position for name in action.position.referral_settings
    ),
)
WORDS = {"amount", "sale_amount", "total", "balances"}
SILENT_TRIGGERS = {
    "razorpay.payment_failed": "no money moved",
    "reconciliation.correction": "it tells of our own books, which are made of facts",
    "reconciliation.unexplained": "it tells of our own books, which are made of facts",
    "runs.failed": "it tells of a run; what the run is about is told by its own event",
    "webhook.received": "nobody knows what a stranger's amounts mean",
}
SILENT_ACTIONS = {
    "firstpromoter.create_custom_commission": "its commission is told by the webhook and the list",
    "firstpromoter.create_promoter": "a balance is the sum of commissions",
    "firstpromoter.create_sale_commission": "its commission is told by the webhook and the list",
    "firstpromoter.get_promoter": "a balance is the sum of commissions",
    "firstpromoter.list_commissions": "the books read the same list",
    "firstpromoter.list_promoters": "a balance is the sum of commissions",
    "firstpromoter.update_commission": "only notes are changed",
    "firstpromoter.update_promoter": "a balance is the sum of commissions",
    "http.request": "nobody knows what a stranger's amounts mean",
    "togai.api_call": "nobody knows what was called",
    "togai.get_invoice": "its answer states no net; the invoice's events and the books do",
    "webhook.send_webhook": "nobody knows what a stranger's amounts mean",
}


def has_money(value: JSONValue) -> bool:
    """Whether an amount stands anywhere in a sample."""
    if isinstance(value, dict):
        return any(value.get(word) is not None for word in WORDS) or any(has_money(item) for item in value.values())
    return isinstance(value, list) and any(has_money(item) for item in value)


def of_trigger(app: App, trigger: Trigger) -> list[Fact]:
    """What the sample of a trigger says."""
    return list(trigger.facts(app.sample(trigger.sample), ORIGIN)) if trigger.facts else []


def of_action(app: App, action: Action) -> list[Fact]:
    """What the sample of an action says."""
    sample: JSONObject = app.sample(action.sample)
    return (
        list(action.facts(action.input.model_validate(sample["input"]), sample["output"], ORIGIN))
        if action.facts
        else []
    )


def test_every_trigger_with_money_says_facts() -> None:
    silent = {
        f"{app.key}.{trigger.key}"
        for app in APPS
        for trigger in app.triggers.values()
        if has_money(app.sample(trigger.sample)) and not of_trigger(app, trigger)
    }
    assert silent == set(SILENT_TRIGGERS)


def test_every_action_with_money_says_facts() -> None:
    silent = {
        f"{app.key}.{action.key}"
        for app in APPS
        for action in app.actions.values()
        if has_money(app.sample(action.sample)) and not of_action(app, action)
    }
    assert silent == set(SILENT_ACTIONS)


def test_facts_of_samples_come_from_where_they_were_said() -> None:
    facts = [fact for app in APPS for trigger in app.triggers.values() for fact in of_trigger(app, trigger)]
    facts += [fact for app in APPS for action in app.actions.values() for fact in of_action(app, action)]
    assert {fact.source for fact in facts} == {"conn_1"}
    assert all(fact.id and fact.happened_at.tzinfo for fact in facts)


@pytest.mark.parametrize("action", CALLS, ids=[action.key for action in CALLS])
def test_a_position_names_fields_of_its_action(action: Action) -> None:
    position = action.position
    assert position is not None
    named = {position.about, position.account, position.counts, *position.referral_settings.values()} - {""}
    assert named <= set(action.input.model_fields)


def test_the_tracker_is_told_of_all_that_a_position_has() -> None:
    kinds = {action.position.kind for action in CALLS if action.position}
    corrections = {EffectKind.AGAIN, EffectKind.BACK}  # they go out as a sale and a refund
    assert kinds == set(EffectKind) - corrections


def test_a_flow_chooses_among_the_words_of_the_position() -> None:
    assert list(get_args(Sale.model_fields["counts"].annotation)) == list(Counts)
    assert Sale.model_fields["counts"].default == Counts.WHEN_PAID_IN_FULL
