"""Expressions that take long are stopped, and never stop the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from affluent.domain.expression import ExpressionError, compile_expression
from affluent.domain.mapping import MappingError
from affluent.engine import expressions

MANY = list(range(5_000))
DATA = {
    "trigger": {
        "many": MANY,
        "few": MANY[:90],
        "text": "a" * 500_000 + "!",
        "rows": [MANY[:200]] * 90,
        "regex": "(a?){900}" * 20,
    },
    "steps": {},
    "inputs": {"most": 3},
    "event": {},
}
DIGITS = "[" + "1," * 200 + "1]"
BOMBS = (
    "trigger.many.map(x, trigger.many.map(y, trigger.many.map(z, x + y + z)))",
    "trigger.many.map(x, trigger.text + trigger.text)",
    f"{DIGITS}.map(a, {DIGITS}.map(b, {DIGITS}.map(c, {DIGITS}.map(d, 1))))",
    "trigger.many.map(x, trigger.many + trigger.many + trigger.many)",
    f"{DIGITS}.map(x, {DIGITS}.map(y, upper(trigger.text)))",
    "trigger.many.all(x, trigger.text.matches(trigger.regex))",
    "trigger.rows.map(x, x.map(y, trigger.rows.map(z, z.map(v, string(y) + string(v)))))",
    "trigger.many.filter(x, trigger.many.exists(y, trigger.many.exists(z, z > 99999)))",
    "join(trigger.many.map(x, join(trigger.many, trigger.text)), trigger.text)",
)
LONGEST_GAP = 0.1


async def longest_gap(work):
    """How long the event loop stood still at most while the work was done, in seconds of computing of this process."""
    gaps = [0.0]

    async def tick():
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            await asyncio.sleep(0.005)
            gaps.append(time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        await work
    finally:
        await asyncio.sleep(0.01)
        ticking.cancel()
    return max(gaps)


async def refused(expression):
    with pytest.raises(ExpressionError):
        await expressions.evaluate(expression, DATA)


@pytest.mark.parametrize("expression", BOMBS)
async def test_a_bomb_is_stopped_and_the_event_loop_goes_on(expression):
    assert await longest_gap(refused(expression)) < LONGEST_GAP


async def test_after_a_bomb_the_next_expression_is_evaluated():
    await refused(BOMBS[0])
    assert await expressions.evaluate("trigger.few.filter(x, x < inputs.most)", DATA) == [0, 1, 2]


async def test_the_process_stays_for_the_next_expression():
    await expressions.evaluate("trigger.few.exists(x, x == 1)", DATA)
    process_id = expressions._worker.process_id
    await expressions.evaluate("trigger.few.exists(x, x == 2)", DATA)
    assert expressions._worker.process_id == process_id


async def test_a_process_that_was_killed_is_started_again():
    await expressions.evaluate("trigger.few.exists(x, x == 1)", DATA)
    killed = expressions._worker.process_id
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert await expressions.evaluate("trigger.few.exists(x, x == 2)", DATA) is True


async def test_the_message_of_a_bomb_says_what_was_wrong_and_what_to_do():
    with pytest.raises(ExpressionError, match=r"0\.25 seconds of computing; use less data"):
        await expressions.evaluate(BOMBS[0], DATA)


async def test_a_result_without_end_is_refused():
    with pytest.raises(ExpressionError, match="2,000,000 characters"):
        await expressions.evaluate("[1, 2, 3, 4, 5].map(x, trigger.text)", DATA)


async def test_a_mapping_names_the_field_of_a_bomb():
    with pytest.raises(MappingError) as caught:
        await expressions.render({"good": "{{ trigger.few.size() }}", "bad": "{{ " + BOMBS[0] + " }}"}, DATA)
    assert caught.value.field == "bad"


async def test_a_preview_shows_the_good_fields_beside_those_that_are_wrong():
    inputs = {
        "good": "{{ trigger.few.filter(x, x > 88) }}",
        "open": "{{ trigger.a ",
        "bad": "{{ " + BOMBS[0] + " }}",
    }
    rendered, problems = await expressions.render_each(inputs, DATA)
    assert rendered == {"good": [89]}
    assert [problem.field for problem in problems] == ["open", "bad"]


async def test_more_data_than_a_job_may_hold_is_refused():
    data = {"trigger": {"texts": ["a" * 1_000_000] * 17}}
    with pytest.raises(ExpressionError, match="16 MB"):
        await expressions.evaluate("trigger.texts.map(x, x)", data)


async def test_an_error_in_the_other_process_says_which_value_was_meant():
    with pytest.raises(ExpressionError, match=r"trigger\.few\.map"):
        await expressions.evaluate("trigger.few.map(x, x + 'a')", DATA)


def test_the_process_knows_no_setting_of_ours(monkeypatch):
    monkeypatch.setenv("AFFLUENT_MASTER_KEY", "secret")
    worker = expressions.Worker()
    worker.compute([expressions.compile_expression("[1].map(x, x)")], {})
    held = Path(f"/proc/{worker.process_id}/environ").read_bytes()
    worker.close()
    assert b"AFFLUENT" not in held


def nested(levels: int) -> Any:
    value: Any = "innermost"
    for _ in range(levels):
        value = [value]
    return value


async def test_a_deeply_nested_result_leaves_nothing_behind_for_the_next_expression():
    data = {"trigger": {"items": nested(61)}}
    fields = {"deep": "{{ trigger.items.map(x, [[[[[[x]]]]]]) }}", "flat": "{{ [5].map(x, x) }}"}
    rendered = await expressions.render(fields, data)
    assert rendered["flat"] == [5]
    assert await expressions.evaluate("[1].map(x, x + 1)", data) == [2]


async def test_data_that_an_earlier_step_nested_deeper_than_a_payload_may_be_is_read():
    data = {"steps": {"earlier": {"items": nested(80)}}}
    assert await expressions.evaluate("size(steps.earlier.items.map(x, x))", data) == 1


def test_after_an_answer_that_is_none_the_process_is_ended(monkeypatch):
    worker = expressions.Worker()
    programs = [compile_expression(source) for source in ("[1].map(x, x)", "[2].map(x, x)")]
    with monkeypatch.context() as patch:
        patch.setattr(expressions, "stored", lambda _text: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            worker.compute(programs, {})
    assert worker.process_id is None
    assert list(worker.compute(programs, {}).values()) == [[1], [2]]
    worker.close()
