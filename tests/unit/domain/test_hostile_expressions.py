"""Expressions that mean harm end soon, with a sentence."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain import mapping
from affluent.domain.expression import LONGEST, ExpressionError, Unbounded, compile_expression
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
FAR_TOO_MUCH = (
    "trigger.many.map(x, trigger.many)",
    "trigger.few.map(x, trigger.few.map(y, trigger.text))",
    "trigger.few.map(a, trigger.few.map(b, trigger.few.map(c, 1)))",
    "[1, 2, 3].map(x, [1, 2, 3].map(y, x))",
    "[1].map(trigger, trigger)",
    "trigger.few\n. map // a remark\n(x, x)",
    "r'\\' + string(trigger.few.map(x, '+ x'))",
    "trigger.few.exists(x, x > 1)",
    "trigger.few.all(x, x > 1)",
    "trigger.few.filter(x, x > 1)",
    "trigger.few.exists_one(x, x > 1)",
    "trigger.few.existsOne(x, x > 1)",
    "'a'.matches('(a+)+$')",
    "join(trigger.few, 'x')",
    " + ".join(["trigger.text"] * 120),
    " + ".join(["trigger.few"] * 120),
    "[" + ", ".join(["trigger.many"] * 100) + "]",
    "trigger == trigger",
)
REFUSED = (
    "(" * 900 + "1" + ")" * 900,
    "[" * 900 + "]" * 900,
    "$" * 1_999,
    "minor_units('1e999999', 'USD')",
    "add_days('2026-01-01', 99999999999)",
    "1e308 * 1e308",
    "text([" * 60 + "'\\\\'" + "])" * 60,
)
HARMLESS = ("!" * 1_900 + "true", "1" + "+1" * 200, "[" + ", ".join(["trigger.few"] * 60) + "]", "size(trigger.few)")


@pytest.mark.parametrize("expression", FAR_TOO_MUCH)
def test_what_may_take_long_is_not_evaluated_in_this_process(expression):
    with pytest.raises(Unbounded):
        compile_expression(expression).evaluate(DATA)


@pytest.mark.parametrize("expression", REFUSED)
def test_nonsense_is_refused_at_once(expression):
    started = time.process_time()
    with pytest.raises(ExpressionError):
        compile_expression(expression).evaluate(DATA)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("expression", HARMLESS)
def test_what_only_looks_bad_is_done_at_once(expression):
    started = time.process_time()
    compile_expression(expression).evaluate(DATA)
    assert time.process_time() - started < 0.5


def test_the_expressions_of_one_mapping_share_one_allowance():
    step = {f"field{number}": f"{{{{ [{number}, trigger.few].size() }}}}" for number in range(500)}
    with pytest.raises(Unbounded):
        render(step, DATA)


def test_a_text_of_the_same_data_again_and_again_is_refused():
    with pytest.raises(MappingError, match="1,000,000 characters"):
        render({"field": "{{ trigger.text }}" * 4}, DATA)


def test_an_input_that_is_the_whole_payload_many_times_is_refused():
    with pytest.raises(MappingError, match="too much data"):
        render({"field": ["{{ trigger.many }}"] * 500}, DATA)


def test_plain_paths_count_little_and_conditions_count_whole():
    draft = {"steps": [{"condition": "a == b", "inputs": {"x": "{{ trigger.invoice.id }}", "y": "{{ lower(a) }}"}}]}
    assert mapping.characters(draft) == len("a == b") + 5 + len("{{ lower(a) }}")


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
    except Unbounded:
        named = set()
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
