"""Expressions that mean harm end soon, with a sentence."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain import mapping
from affluent.domain.expression import LONGEST, ExpressionError, compile_expression
from affluent.domain.mapping import MappingError, render

MANY = list(range(5_000))
DATA = {
    "trigger": {"many": MANY, "few": MANY[:90], "text": "a" * 500_000 + "!", "rows": [MANY[:200]] * 90},
    "steps": {},
    "inputs": {},
    "event": {},
}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BOMBS = (
    "trigger.many.map(x, trigger.many)",
    "trigger.many.map(x, trigger.text)",
    "trigger.few.map(x, trigger.few.map(y, trigger.text))",
    "trigger.few.map(x, trigger.rows.map(y, y))",
    "trigger.rows.map(x, x.map(y, trigger.few))",
    "trigger.few.map(a, trigger.few.map(b, trigger.few.map(c, 1)))",
    " + ".join(["trigger.text"] * 120),
    "(" * 900 + "1" + ")" * 900,
    "[" * 900 + "]" * 900,
    "minor_units('1e999999', 'USD')",
    "add_days('2026-01-01', 99999999999)",
    "trigger.text.matches('((a{1,300}){1,300}){1,300}')",
)
HARMLESS = (
    "trigger.text.matches('(a+)+$')",
    "!" * 1_900 + "true",
    "1" + "+1" * 900,
    "join(trigger.many, trigger.text)",
)


def seconds(expression):
    started = time.process_time()
    try:
        compile_expression(expression).evaluate(DATA)
    except ExpressionError:
        return time.process_time() - started, True
    return time.process_time() - started, False


@pytest.mark.parametrize("expression", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(expression):
    took, is_refused = seconds(expression)
    assert is_refused
    assert took < 2


@pytest.mark.parametrize("expression", HARMLESS)
def test_what_only_looks_bad_is_done_at_once(expression):
    took, is_refused = seconds(expression)
    assert not is_refused
    assert took < 2


def test_the_largest_loops_that_are_allowed_end_within_seconds():
    assert seconds("trigger.few.map(x, trigger.few.map(y, x * y))")[0] < 3


def test_an_endless_text_is_not_compiled():
    with pytest.raises(ExpressionError, match="characters"):
        compile_expression("1 +" * LONGEST + "1")


@given(st.text(max_size=200))
def test_any_text_renders_or_is_refused_by_the_name_of_its_field(text):
    named = {"field"}
    try:
        named = set(render({"field": text}, {"trigger": {}, "steps": {}, "inputs": {}, "event": {}}))
    except MappingError as error:
        named = {error.field}
    assert named <= {"field"}


@given(st.text(alphabet="trigeinpus.[]'\"0123()+{} ?:!=<>&|amxy,", max_size=60))
def test_any_expression_compiles_or_says_what_is_wrong(text):
    try:
        said = compile_expression(text).source
    except ExpressionError as error:
        said = str(error)
    assert said


@given(ANY)
def test_a_plain_path_hands_on_what_stands_there(value):
    given_data = {"trigger": {"value": value}}
    assert render({"field": "{{ trigger.value }}"}, given_data) == ({} if value is None else {"field": value})


def test_text_around_expressions_makes_text_and_braces_inside_them_are_theirs():
    data = {"trigger": {"n": 3, "none": None}}
    assert render({"a": "n={{ trigger.n }}, {{ trigger.none }}!"}, data) == {"a": "n=3, !"}
    assert render({"a": "{{ {'k': trigger.n}.k }}", "b": ["{{ '}}' }}"]}, data) == {"a": 3, "b": ["}}"]}


def test_an_expression_that_is_not_closed_is_named():
    with pytest.raises(MappingError, match="not closed") as caught:
        mapping.check({"good": "x", "bad": {"deep": "{{ trigger.a "}})
    assert caught.value.field == "bad"
