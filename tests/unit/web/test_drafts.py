"""Drafts of flows as forms change them, and conditions in words."""

from __future__ import annotations

import pytest

from affluent import catalog
from affluent.kit.jsons import JSONObject
from affluent.services.flows.problems import FlowProblem
from affluent.web.flows.editor import draft, questions
from affluent.web.flows.editor.fields import fix_of
from affluent.web.formatting import phrases
from affluent.web.forms import Form

CATALOG = catalog.load()
SALE = {"id": "sale", "app": "firstpromoter", "action": "track_sale", "inputs": {"event_id": "x", "quantity": 2}}


def said(**changes: object) -> JSONObject:
    """A draft of one step."""
    trigger = {"app": "togai", "trigger": "invoice_paid"}
    return {"name": "Sales", "type": "outbound", "trigger": trigger, "steps": [dict(SALE)], **changes}


def test_a_step_keeps_what_its_form_does_not_name_and_reads_numbers_as_numbers() -> None:
    form = Form({"inputs.quantity": "3", "inputs.plan": "12", "condition": " true "})
    step = draft.with_form(said(), "sale", form, CATALOG)["steps"][0]
    assert step["inputs"] == {"event_id": "x", "quantity": 3, "plan": "12"}
    assert step["condition"] == "true"
    assert said()["steps"][0]["inputs"] == {"event_id": "x", "quantity": 2}


def test_an_expression_in_a_field_of_numbers_stays_text() -> None:
    form = Form({"inputs.quantity": "{{ trigger.invoice.line_items.size() }}"})
    step = draft.with_form(said(), "sale", form, CATALOG)["steps"][0]
    assert step["inputs"]["quantity"] == "{{ trigger.invoice.line_items.size() }}"


def test_another_trigger_takes_its_type_and_leaves_the_options_behind() -> None:
    before = said(trigger={"app": "schedule", "trigger": "x", "options": {"cron": "0 * * * *"}}, type="inbound")
    after = draft.with_form(before, draft.TRIGGER, Form({"trigger": "togai.invoice_paid"}), CATALOG)
    assert after["type"] == "outbound"
    assert not after["trigger"].get("options")


def test_steps_get_ids_of_their_own_and_move_within_the_chain() -> None:
    app = CATALOG.apps["firstpromoter"]
    two, first = draft.new_step(said(), app, app.actions["track_sale"], 0)
    three, second = draft.new_step(two, app, app.actions["track_sale"], 99)
    assert [step["id"] for step in three["steps"]] == [first, "sale", second] == ["track_sale", "sale", "track_sale_2"]
    assert [step["id"] for step in draft.moved(three, "sale", -1)["steps"]] == ["sale", "track_sale", "track_sale_2"]
    assert draft.moved(three, first, -1)["steps"] == three["steps"]
    for to, order in (
        (0, "sale track_sale track_sale_2"),
        (2, "track_sale track_sale_2 sale"),
        (9, "track_sale track_sale_2 sale"),
    ):
        assert [step["id"] for step in draft.placed(three, "sale", to)["steps"]] == order.split()
    assert draft.placed(three, "gone", 0)["steps"] == three["steps"]
    assert draft.without(three, "sale")["steps"] == [three["steps"][0], three["steps"][2]]


@pytest.mark.parametrize("broken", [{}, {"steps": [1, {"x": 2}], "trigger": 3, "inputs": []}, said(name="", extra=1)])
def test_a_draft_of_any_shape_can_be_played(broken: JSONObject) -> None:
    readable = draft.readable(broken)
    assert readable["type"] in ("inbound", "outbound")
    assert len(readable["name"]) >= 3
    assert "extra" not in readable


def test_questions_keep_their_keys_defaults_and_columns() -> None:
    plans = {"key": "plans", "title": "Plans", "type": "table", "columns": [{"key": "who", "title": "Promoter"}]}
    on = {"key": "on", "title": "Attach on", "type": "choice", "choices": ["first", "every"], "default": "first"}
    form = Form({
        "q.0.key": "plans", "q.0.title": "Plans", "q.0.type": "table", "q.0.more": "Promoter, Price plan",
        "q.1.key": "on", "q.1.title": "Attach when", "q.1.type": "choice", "q.1.more": "every",
        "q.2.title": "2nd plans", "q.2.type": "text", "q.2.required": "yes", "q.3.title": " ", "q.3.type": "text",
    })  # fmt: skip
    kept = questions.from_form(said(inputs=[plans, on]), form)
    assert [one["key"] for one in kept] == ["plans", "on", "q_2nd_plans"]
    assert [one["key"] for one in kept[0]["columns"]] == ["who", "price_plan"]
    assert kept[1]["default"] is None
    assert kept[2]["required"] is True
    assert questions.from_form(said(inputs=[plans]), Form({"name": "Other"})) == [plans]


def test_money_in_the_wrong_unit_is_offered_the_function_around_it() -> None:
    problem = FlowProblem(field="amount", message="Must be a whole number of minor units, and this gives '1.50'.")
    fix = fix_of("{{ trigger.data.amount }}", problem, "{{ trigger.data.currency }}")
    assert fix == "{{ minor_units(trigger.data.amount, trigger.data.currency) }}"
    assert fix_of("{{ trigger.data.amount }}", problem, "EUR") == '{{ minor_units(trigger.data.amount, "EUR") }}'
    assert fix_of("about {{ trigger.data.amount }}", problem, "EUR") == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("trigger.invoice.net != null", "invoice net is given"),
        (
            "steps.sale.promoter_id != null && trigger.account.settings.FirstPromoterPromoterId == null",
            "promoter id is given and account FirstPromoterPromoterId is empty",
        ),
        ("trigger.invoice.paid_at == null || event.id == null", "invoice paid at is empty or id is empty"),
        ('at_least(trigger.invoice.net, "10")', ""),
        ("", ""),
    ],
)
def test_short_conditions_are_said_in_words(source: str, words: str) -> None:
    assert phrases.condition(source) == words
