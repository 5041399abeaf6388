"""A run's story: whatever its state, a plain sentence about what happened, about money and about what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from affluent.catalog import Catalog
from affluent.domain.run import Outcome, RunState
from affluent.kit import clock
from affluent.kit.money import Money
from affluent.sdk import App, Category
from affluent.services.runs.views import EffectView, RunDetail, RunView, StepView
from affluent.web.activity.run_page import lineage
from affluent.web.activity.run_story import Planned, Story, planned, story_of

NOW = clock.now()
PLAN = (
    Planned(position=0, id="sale", app="firstpromoter", app_title="FirstPromoter", title="Track a sale", action=None),
    Planned(position=1, id="note", app="slack", app_title="Slack", title="Post a message", action=None),
)
NAMES = {"con_1": "FirstPromoter EU"}


def run(state: str, **changes: object) -> RunView:
    """A run at its second step."""
    usual = RunView(
        id="run_1", state=state, title="INV-7 · Northwind", sentence="", cause="", flow_id="flo_1", flow_name="Sales",
        flow_version=1, flow_connection_id="fco_1", flow_connection_name="Sales EU", event_id="evt_1", event_app="togai",
        event_type="invoice.paid", account_id="ACC-1", money=None, position=1, tries=1, is_backfill=False, replay_of=None,
        waits_for="", due_at=None, created_at=NOW, started_at=NOW, finished_at=None,
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]  # names and types are those of the fields


def step(position: int, outcome: str, sentence: str = "") -> StepView:
    """A step that was reached."""
    return StepView(
        position=position, step_id=PLAN[position].id, app=PLAN[position].app, action="a", connection_id="con_1",
        state="done", outcome=outcome, sentence=sentence, condition=None, input=None, output=None, effect="write",
        effect_key="k", tries=1, started_at=NOW, finished_at=NOW, attempts=(),
    )  # fmt: skip


def effect(fate: str, money: Money | None, run_id: str = "run_1") -> EffectView:
    """What the first step did."""
    return EffectView(
        key=f"k{run_id}{fate}{money}", app="firstpromoter", action="track_sale", connection_id="con_1", kind="write",
        fate=fate, run_id=run_id, position=0, money=money, output=None, sentence="", updated_at=NOW,
    )  # fmt: skip


def story(
    it: RunView, *steps: StepView, effects: tuple[EffectView, ...] = (), plan: tuple[Planned, ...] = PLAN
) -> Story:
    """The story of a run."""
    detail = RunDetail(
        run=it, occurred_at=NOW, received_at=NOW, external_id="x", payload={}, definition={}, steps=steps,
        effects=effects, siblings=(),
    )  # fmt: skip
    return story_of(detail, plan, NAMES)


@pytest.mark.parametrize("state", list(RunState))
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("sentence", ["", "The promoter is not known", "Answered 422:"])
def test_every_state_and_outcome_is_a_plain_sentence(state: RunState, outcome: Outcome, sentence: str) -> None:
    it = run(state, sentence=sentence)
    for position in (0, 1, 7):
        found = story(replace(it, position=position), step(0, "applied"), step(1, outcome, sentence))
        for text in (found.lead, found.rest, found.todo):
            assert ".." not in text
            assert "  " not in text
            assert not text or text.strip() == text
            assert not text or text.endswith(".")
        assert found.lead[0].isupper()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_unknown_outcome_is_violet_and_never_red_or_green(outcome: Outcome) -> None:
    found = story(run("unknown", sentence="The connection broke"), step(0, "applied"), step(1, outcome))
    assert found.kind == "violet"
    assert found.lead.startswith("Step 2, post a message, was sent, and nobody knows whether it was applied.")
    assert "Nothing was applied twice" not in found.rest
    assert found.todo == "Look in Slack whether it is there. It is not sent again by itself."


def test_an_unknown_outcome_that_the_app_can_tell_is_looked_up() -> None:
    async def look_up(_context: object) -> None: ...

    class Told:
        look_up: object = None

    action = Told()
    action.look_up = look_up
    plan = (PLAN[0], replace(PLAN[1], action=action))  # type: ignore[arg-type]  # as much of an action as a story reads
    found = story(run("unknown"), step(0, "applied"), plan=plan)
    assert found.todo == "Resume it: Slack is asked first, and the step is sent only if it is not there."


def test_each_state_has_its_colour() -> None:
    kinds = {state.value: story(run(state)).kind for state in RunState}
    assert kinds == {
        "queued": "info", "running": "info", "waiting": "warn", "paused": "warn", "succeeded": "ok", "skipped": "",
        "failed": "bad", "unknown": "violet", "cancelled": "",
    }  # fmt: skip


def test_what_was_applied_is_named_in_one_sentence() -> None:
    assert story(run("succeeded"), step(0, "applied"), step(1, "applied")).lead == (
        "Track a sale and post a message were applied."
    )
    assert story(run("succeeded")).lead == "Every step is done; there was nothing left to apply."


def test_a_failure_says_where_why_and_what_to_do() -> None:
    found = story(run("failed"), step(0, "applied"), step(1, "rejected", "Slack answered 404: no such channel"))
    assert found.lead == (
        "Track a sale was applied, but step 2, post a message, did not succeed. Slack answered 404: no such channel."
    )
    assert found.todo == ("Put right what Slack complains of, then resume: it goes on at step 2 and repeats nothing.")


def test_a_paused_run_names_the_connection_to_repair() -> None:
    assert story(run("paused", waits_for="con_1")).todo.startswith("Repair FirstPromoter EU;")
    assert "its connection" in story(run("paused", waits_for="con_gone")).lead


def test_a_skipped_run_sent_nothing() -> None:
    assert story(run("skipped", sentence="Not referred")).lead == "Nothing was sent. Not referred."


def test_money_that_was_passed_on_is_named_with_its_currency() -> None:
    money = Money(249900, "USD")
    found = story(run("succeeded"), step(0, "applied"), effects=(effect("applied", money),))
    assert "2,499.00" in found.rest
    assert "USD" in found.rest or "$" in found.rest
    assert found.rest.endswith("Nothing was applied twice.")


def test_money_of_another_run_or_of_no_known_fate_is_not_counted() -> None:
    money = Money(249900, "USD")
    for other in (effect("unknown", money), effect("rejected", money), effect("applied", money, run_id="run_0")):
        assert "2,499" not in story(run("failed"), effects=(other,)).rest
    assert story(run("failed"), effects=(effect("unknown", money),)).rest == (
        "It moved no money. Nothing was applied twice."
    )


def test_effects_that_were_there_already_are_said_to_be_left_alone() -> None:
    found = story(run("succeeded"), step(0, "already_applied"), step(1, "already_applied"))
    assert "2 of its effects had been applied before and were not sent again." in found.rest


def test_the_plan_names_steps_by_their_apps_and_survives_apps_that_are_gone(tmp_path: Path) -> None:
    app = App(key="shop", title="Shop", description="", category=next(iter(Category)), folder=tmp_path)
    steps = [
        {"id": "a", "app": "shop", "action": "gone"},
        {"id": "b", "app": "none", "action": "x", "title": "Own title"},
    ]
    detail = RunDetail(
        run=run("running"), occurred_at=NOW, received_at=NOW, external_id="", payload={}, definition={"steps": steps},
        steps=(), effects=(), siblings=(),
    )  # fmt: skip
    first, second = planned(detail, Catalog({"shop": app}))
    assert (first.app_title, first.title, first.number, first.action) == ("Shop", "gone", 1, None)
    assert (second.app_title, second.title) == ("none", "Own title")
    assert planned(replace(detail, definition=None), Catalog({})) == ()


def test_a_commission_is_never_given_a_currency_that_the_vendor_did_not_tell() -> None:
    output = {"sale_id": 9, "commission_amount": 37485, "commission_status": "approved", "promoter_name": "Ben"}
    done = replace(effect("applied", Money(249900, "EUR")), output=output)
    detail = RunDetail(
        run=run("succeeded", money=Money(249900, "EUR")), occurred_at=NOW, received_at=NOW, external_id="", payload={},
        definition={}, steps=(), effects=(done,), siblings=(),
    )  # fmt: skip
    invoice, sale, commission = lineage(detail, PLAN)
    assert invoice.money == sale.money == Money(249900, "EUR")
    assert (commission.title, commission.amount, commission.money) == ("Commission · Ben", "37,485", None)
    assert commission.text == "approved · minor units of the account's currency"
