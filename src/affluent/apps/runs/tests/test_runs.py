"""Runs as an app: it only starts flows, and its condition of a lost sale tells sales from other failures."""

from __future__ import annotations

from affluent.apps.runs.app import app
from affluent.engine.expressions import evaluate
from affluent.sdk import TriggerKind

LOST_SALE = 'trigger.undone.exists(action, action == "firstpromoter.track_sale")'


def test_it_starts_flows_and_does_nothing_itself() -> None:
    assert not app.actions
    assert [trigger.kind for trigger in app.triggers.values()] == [TriggerKind.INTERNAL]


async def test_the_condition_of_its_readme_is_true_of_a_lost_sale_alone() -> None:
    assert LOST_SALE in (app.folder / "README.md").read_text()
    sample = app.sample("failed.json")
    after_the_sale = {**sample, "undone": ["togai.attach_price_plan"]}
    assert [await evaluate(LOST_SALE, {"trigger": told}) for told in (sample, after_the_sale)] == [True, False]
