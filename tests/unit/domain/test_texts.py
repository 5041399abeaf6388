"""What becomes text and what does not: null, true, a list and an object are no texts."""

from __future__ import annotations

import pytest

from affluent.apps.razorpay.facts import facts_of, notes_of
from affluent.apps.razorpay.schemas import NewRefund
from affluent.domain.expression import ExpressionError, compile_expression
from affluent.domain.mapping import MappingError, render

DATA = {
    "trigger": {
        "nothing": None,
        "yes": True,
        "list": ["ACC-1"],
        "object": {"id": "ACC-1"},
        "number": 42,
        "id": "ACC-1",
    },
    "steps": {},
    "inputs": {},
    "event": {},
}


@pytest.mark.parametrize("path", ["yes", "list", "object"])
def test_what_is_no_text_cannot_stand_inside_a_text(path):
    with pytest.raises(MappingError, match=r"^note: trigger\.\w+ gives .* cannot stand inside a text") as refused:
        render({"note": f"sale {{{{ trigger.{path} }}}}"}, DATA)
    assert refused.value.field == "note"


def test_null_is_empty_inside_a_text_and_a_number_is_its_digits():
    assert render({"note": "{{ trigger.nothing }}/{{ trigger.number }}"}, DATA) == {"note": "/42"}


def test_an_id_with_a_gap_is_refused_because_it_would_be_the_id_of_many():
    with pytest.raises(MappingError, match=r"event_id: trigger\.nothing gives nothing"):
        render({"event_id": "sale-{{ trigger.nothing }}"}, DATA, ids=("event_id",))
    assert render({"event_id": "sale-{{ trigger.id }}"}, DATA, ids=("event_id",)) == {"event_id": "sale-ACC-1"}


@pytest.mark.parametrize("path", ["yes", "list", "object"])
def test_the_function_text_refuses_what_is_no_text(path):
    with pytest.raises(ExpressionError, match="is no text"):
        compile_expression(f"text(trigger.{path})").evaluate(DATA)


@pytest.mark.parametrize("key", [True, ["a"], None, ""])
def test_a_table_is_not_looked_up_by_what_is_no_text(key):
    table = [{"name": key, "plan": "P-1"}, {"name": str(key), "plan": "P-2"}]
    data = {**DATA, "inputs": {"table": table, "key": key}}
    assert compile_expression('lookup(inputs.table, "name", inputs.key, "plan")').evaluate(data) is None


def test_notes_keep_texts_and_numbers_only():
    odd = {"a": None, "b": True, "c": ["x"], "d": {"x": 1}, "e": 42, "f": "text", "g": ""}
    assert notes_of({"notes": odd}) == {"e": "42", "f": "text"}


@pytest.mark.parametrize("value", [None, True, ["ACC-1"], {"id": "ACC-1"}, ""])
def test_a_payment_whose_notes_name_nobody_has_its_own_id_and_no_account(value):
    notes = {"togai_account_id": value, "togai_invoice_id": value}
    facts = facts_of({"payment": {"id": "pay_1", "amount": 100, "currency": "INR", "notes": notes}})
    assert (facts["sale_id"], facts["account_id"]) == ("pay_1", None)


@pytest.mark.parametrize(("value", "kind"), [(True, "true"), (["x"], "a list"), ({"x": 1}, "an object")])
def test_a_note_that_is_no_text_is_refused_by_its_name(value, kind):
    with pytest.raises(ValueError, match=f"a note is a text or a number, and 'odd' is {kind}"):
        NewRefund.model_validate({"payment_id": "pay_Note0000000001", "notes": {"odd": value}})
