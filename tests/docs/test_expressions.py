"""Every example in docs/expressions.md gives what it says, and every function is in one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from affluent.domain import expression, mapping
from affluent.domain.functions import FUNCTIONS
from affluent.engine import expressions
from affluent.engine.expression_process import LONGEST_RESULT

PAGE = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text()
DATA = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]  # the page has one
EXAMPLES = re.findall(r"^\| `([^`]*\{\{[^`]*)` \| `([^`]*)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("field", "gives"), EXAMPLES)
async def test_the_example_gives_what_the_page_says(field: str, gives: str) -> None:
    assert (await expressions.render({"field": field}, DATA)).get("field") == json.loads(gives)


def test_every_function_has_an_example() -> None:
    shown = " ".join(field for field, _ in EXAMPLES)
    assert [name for name in FUNCTIONS if f"{name}(" not in shown] == []


def test_the_page_states_the_bounds_that_hold() -> None:
    assert f"{expression.LONGEST:,} characters" in PAGE
    assert f"{expressions.COMPUTING_SECONDS:g} seconds" in PAGE
    assert f"{mapping.MOST_CHARACTERS:,} characters together" in PAGE
    assert f"{mapping.LONGEST_TEXT:,} characters" in PAGE
    assert f"{LONGEST_RESULT:,} characters" in PAGE
