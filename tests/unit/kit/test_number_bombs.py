"""No number, amount or time that somebody else writes takes longer than 50 ms to read, or ends in an error that is not for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from affluent.kit.money import MoneyError, typed
from affluent.kit.numbers import exact, shown

BOMBS = Path(__file__).with_name("number_bombs.py")
MOST_SECONDS = 0.05


def test_every_bomb_is_read_or_refused_at_once_by_every_function():
    done = subprocess.run([sys.executable, BOMBS], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1] == {"done": True}, f"it ended with {done.returncode} in {lines[-1]}: {done.stderr[-2000:]}"
    pairs = list(zip(lines[:-1:2], lines[1:-1:2], strict=True))
    assert [(begun["begun"], end["error"]) for begun, end in pairs if end["error"]] == []
    assert [(begun["begun"], end["seconds"]) for begun, end in pairs if end["seconds"] > MOST_SECONDS] == []


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("2499.00", "USD", 249_900),
        ("2,499.00", "USD", 249_900),
        ("1,234,567.89", "USD", 123_456_789),
        ("2,499", "USD", 249_900),
        ("320,000", "JPY", 320_000),
        ("1,741.255", "KWD", 1_741_255),
        ("1,000,000", "KWD", 1_000_000_000),
        (" 2.5 ", "USD", 250),
    ],
)
def test_an_amount_is_typed_as_it_is_shown(text, currency, minor):
    assert typed(text, currency).minor_units == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("2,50", "USD"), ("1,2,3", "USD"), ("2.499,00", "USD"), ("2,499", "KWD"), (",5", "USD"), ("1,0000", "USD"),
     ("12,34,567", "INR"), ("1.5,000", "USD"), ("2,499.", "X"), ("9" * 31, "USD"), ("1" * 20, "JPY"), ("2 499", "USD")],
)  # fmt: skip
def test_an_amount_that_could_be_another_number_is_refused(text, currency):
    with pytest.raises(MoneyError):
        typed(text, currency)


def test_an_unclear_comma_is_explained():
    with pytest.raises(MoneyError, match="'2,50' is not clear: write a point before the decimals and no comma"):
        typed("2,50", "USD")


@pytest.mark.parametrize("value", ["1_0", "١٢", "1e41", "1e-41", 10**40, 1.5, True, None, "NaN", "", ".", "+", [1]])
def test_what_is_no_bounded_exact_number_is_none(value):
    assert exact(value) is None


def test_a_message_names_a_huge_number_without_writing_it_down():
    assert shown(10**100_000) == "a number of more than 40 digits"
    assert len(shown("9" * 100_000)) < 100
