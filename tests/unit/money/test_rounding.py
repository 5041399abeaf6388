"""Shares and units: parts always add up, and nothing is rounded twice."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.money.rounding import from_units, in_units, iso, nearest, shares


def two_places(currency: str) -> int:
    return 0 if currency == "JPY" else 2


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=12))
def test_shares_add_up_and_none_is_a_unit_away_from_exact(amount, weights):
    parts = shares(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights) or 1
    assert not any(weights) or all(
        abs(part - Fraction(amount * weight, whole)) < 1 for part, weight in zip(parts, weights, strict=True)
    )


def test_the_larger_remainder_gets_the_unit_and_of_equal_ones_the_earlier():
    assert shares(100, (1, 1, 1)) == [34, 33, 33]
    assert shares(47200, (100000, 18000)) == [40000, 7200]
    assert shares(5, (10, 26)) == [1, 4]


def test_halves_go_to_the_even_neighbour():
    assert [nearest(Fraction(number, 2)) for number in (1, 3, 5, -1)] == [0, 2, 2, 0]


@pytest.mark.parametrize(
    ("minor_units", "currency", "units"),
    [
        (741255, "KWD", 74126),
        (741245, "KWD", 74124),
        (320000, "JPY", 320000),
        (118000, "INR", 118000),
        (12345, "CLF", 123),
    ],
)
def test_amounts_go_out_as_the_vendor_counts(minor_units, currency, units):
    assert in_units(minor_units, currency, two_places) == units


def test_units_come_back_as_minor_units():
    assert from_units(74126, "KWD", two_places) == 741260
    assert from_units(910, "JPY", iso) == 910
