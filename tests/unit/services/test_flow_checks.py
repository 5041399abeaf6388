"""What is wrong with a draft, field by field."""

from __future__ import annotations

import time

import pytest

from affluent.catalog import Catalog
from affluent.services.flows.checks import check_draft
from tests.integration.services.desk import bell, outbound, shop, togai

LONGEST_PAUSE = 0.2  # the loop may stand still for 0.1 s; machines that run tests are slow
CATALOG = Catalog({app.key: app for app in (shop(), togai(), bell())})


def changed(step: int = 0, **changes):
    """The flow with one step changed."""
    flow = outbound()
    flow["steps"][step] = {**flow["steps"][step], **changes}
    return flow


def inputs(**fields):
    """The flow with other inputs of its first step."""
    return changed(inputs={**outbound()["steps"][0]["inputs"], **fields})


def problems(draft):
    return {problem.field: problem for problem in check_draft(draft, CATALOG)}


def test_a_good_flow_has_no_problem() -> None:
    assert problems(outbound()) == {}


@pytest.mark.parametrize(
    ("draft", "field", "said"),
    [
        ({}, "name", "required"),
        ({"name": "Named", "type": "outbound", "trigger": 5}, "trigger", "object"),
        (outbound(name="x"), "name", "at least 3"),
        (outbound(type="inbound"), "", "Outbound flow starts with a Togai trigger"),
        (outbound(steps=[outbound()["steps"][0]] * 2), "", "two steps are called"),
        (outbound(trigger={"app": "nothing", "trigger": "x"}), "trigger.app", "no app 'nothing'"),
        (outbound(trigger={"app": "togai", "trigger": "x"}), "trigger.trigger", "it has invoice_paid, invoice_made"),
        (outbound(trigger={**outbound()["trigger"], "options": {"cron": "* * * * *"}}), "trigger.options.cron", "no options"),
        (outbound(trigger={**outbound()["trigger"], "condition": "1 +"}), "trigger.condition", "1 +"),
        (outbound(trigger={**outbound()["trigger"], "condition": "steps.order.receipt != ''"}), "trigger.condition", "no earlier step"),
        (changed(app="nothing"), "steps.0.app", "no app 'nothing'"),
        (changed(action="nothing"), "steps.0.action", "it has order, note"),
        (changed(id="Not an id"), "steps.0.id", "pattern"),
        (changed(condition="trigger.net >"), "steps.0.condition", "trigger.net >"),
        (changed(condition="steps.order.receipt == 'x'"), "steps.0.condition", "comes later"),
        (changed(inputs={"amount": 1}), "steps.0.inputs.id", "required"),
        (inputs(colour="red"), "steps.0.inputs.colour", "it has id, amount, currency"),
        (inputs(id="{{ trigger.id"), "steps.0.inputs.id", "not closed"),
        (inputs(id="{{ nothing(trigger.id) }}"), "steps.0.inputs.id", "no function 'nothing'"),
        (inputs(id="{{ steps.attach.outcome }}"), "steps.0.inputs.id", "comes later"),
        (inputs(id="{{ steps.gone.receipt }}"), "steps.0.inputs.id", "no earlier step 'gone'"),
        (inputs(id="{{ inputs.plan }}"), "steps.0.inputs.id", "does not ask for 'plan'"),
        (inputs(id="{{ event.colour }}"), "steps.0.inputs.id", "it has id, type, occurred_at"),
        (inputs(id=5), "steps.0.inputs.id", "Must be text"),
        (inputs(amount="many"), "steps.0.inputs.amount", "whole number"),
        (inputs(amount="{{ trigger.account }}"), "steps.0.inputs.amount", "minor units"),
        (inputs(currency="{{ trigger.account }}"), "steps.0.inputs.currency", "With the sample this gives"),
        (outbound(inputs=[{"key": "a", "title": "A"}, {"key": "a", "title": "B"}]), "inputs.1.key", "already"),
        (outbound(inputs=[{"key": "a", "title": "A", "type": "choice"}]), "inputs.0.choices", "choose from"),
        (outbound(inputs=[{"key": "a", "title": "A", "type": "table"}]), "inputs.0.columns", "columns"),
    ],
)  # fmt: skip
def test_an_error_is_put_on_its_field(draft, field, said) -> None:
    found = problems(draft)
    assert field in found
    assert said in found[field].message
    assert found[field].is_error


@pytest.mark.parametrize(
    ("draft", "field", "said"),
    [
        (outbound(steps=[]), "steps", "add a step"),
        (inputs(id="{{ trigger.colour }}"), "steps.0.inputs.id", "no 'colour'"),
        (inputs(currency="{{ trigger.account.colour.deep }}"), "steps.0.inputs.currency", ""),
        (changed(1, inputs={"plan": "{{ steps.order.colour }}"}), "steps.1.inputs.plan", "does not give 'colour'"),
        (inputs(currency="{{ upper(trigger.id) + 1 }}"), "steps.0.inputs.currency", "With the sample"),
    ],
)
def test_a_warning_does_not_stop_publishing(draft, field, said) -> None:
    found = problems(draft)
    assert not any(problem.is_error for problem in found.values())
    assert said in (found[field].message if field in found else "")


def test_an_amount_in_major_units_is_refused_with_its_cure() -> None:
    found = problems(inputs(amount="{{ trigger.net }}"))["steps.0.inputs.amount"]
    assert found.is_error
    assert found.fix == "{{ minor_units(trigger.net, trigger.currency) }}"
    assert problems(inputs(amount=found.fix)) == {}


def test_what_can_be_read_is_checked_beside_what_cannot() -> None:
    draft = {
        "name": "x",
        "type": "outbound",
        "trigger": "soon",
        "steps": ["nothing", outbound()["steps"][0] | {"inputs": {}}],
    }
    assert {"name", "trigger", "steps.0", "steps.1.inputs.id", "steps.1.inputs.amount"} <= set(problems(draft))


@pytest.mark.parametrize("value", [None, 5, "text", [], [None], {"a": 1}, [{"id": 5}], [[]]])
@pytest.mark.parametrize("part", ["name", "type", "trigger", "steps", "inputs", "tracks_money_of"])
def test_a_draft_of_any_shape_is_judged(part, value) -> None:
    list(check_draft({**outbound(), part: value}, CATALOG))


def test_a_flow_with_expressions_without_end_is_refused_before_any_is_compiled() -> None:
    many = {f"field{number}": f"{{{{ '{number}' + '{'x' * 100}' }}}}" for number in range(200)}
    assert {field: problem.message for field, problem in problems(changed(inputs=many)).items()} == {
        "steps": "The expressions of a flow may have 10,000 characters together; split this flow into several."
    }


@pytest.mark.parametrize(
    "expression",
    [
        "[{n}," + "1," * 480 + "1]",
        "{n}" + "+1" * 480,
        "['{n}" + "','" * 320 + "']",
        "{n}" + " )" * 480,
        "{n}" + "$" * 900,
    ],
)
def test_the_largest_flow_that_is_allowed_is_checked_within_the_time_that_the_event_loop_may_stand_still(
    expression: str,
) -> None:
    inputs_of = {f"field{n}": f"{{{{ {expression.replace('{n}', str(n))} }}}}" for n in range(9)}
    flow = changed(inputs=inputs_of)
    began = time.process_time()
    found = problems(flow)
    assert time.process_time() - began < LONGEST_PAUSE
    assert "steps" not in found
