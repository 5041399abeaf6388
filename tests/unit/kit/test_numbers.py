"""Numbers in text from outside."""

from __future__ import annotations

import pytest

from affluent.kit.numbers import whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("999999999", 999_999_999)])
def test_a_few_digits_are_a_number(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["", "²", "¹", "٣", "-1", "+1", " 1", "1_0", "1.0", "1e3", "9" * 10, "9" * 5_000])
def test_anything_else_is_none(text: str) -> None:
    assert whole(text) is None


def test_how_many_digits_are_read_can_be_said() -> None:
    assert whole("9" * 18, digits=18) == 10**18 - 1
