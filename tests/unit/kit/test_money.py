"""Money, to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.kit.money import Money, MoneyError, exponent, from_units, in_units, is_currency

CURRENCY = st.sampled_from(["USD", "EUR", "INR", "JPY", "KWD", "BHD", "CLP"])
MINOR = st.integers(-(10**15), 10**15)


@given(MINOR, CURRENCY)
def test_major_and_minor_units_are_the_same_money(minor, currency):
    money = Money(minor, currency)
    assert Money.parse(str(money.major), currency) == money
    assert Money.parse(format(money.major, "f"), currency.lower()) == money
    assert money + -money == Money(0, currency)


@given(MINOR, MINOR, CURRENCY)
def test_sums_are_exact(left, right, currency):
    assert Money(left, currency) + Money(right, currency) == Money(left + right, currency)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9), CURRENCY)
def test_an_amount_with_too_many_decimals_is_refused_and_rounds_to_the_nearest_unit(amount, currency):
    rounded = Money.rounded(amount, currency)
    assert abs(rounded.major - amount) * 2 <= Decimal(1).scaleb(-exponent(currency))
    if rounded.major == amount:
        assert Money.parse(amount, currency) == rounded
    else:
        with pytest.raises(MoneyError, match="more decimals"):
            Money.parse(amount, currency)


@pytest.mark.parametrize("amount", [1.5, True, "", "abc", "NaN", "Infinity", None, "1,000"])
def test_what_is_no_exact_amount_is_refused(amount):
    with pytest.raises(MoneyError):
        Money.parse(amount, "USD")


@pytest.mark.parametrize("currency", ["", "US", "USDX", "ZZZ"])
def test_an_unknown_currency_is_refused_and_not_guessed(currency):
    with pytest.raises(MoneyError, match="not an ISO 4217"):
        Money.parse("1", currency)


@pytest.mark.parametrize(("currency", "places"), [("XCG", 2), ("ZWG", 2), ("CLF", 4), ("UGX", 0), ("IQD", 3)])
def test_the_currencies_of_today_are_known_with_their_decimals(currency, places):
    assert exponent(currency) == places
    assert is_currency(currency)


@pytest.mark.parametrize("currency", ["HRK", "DEM", "ANG", "SLL", "XXX", "XTS", "XAU"])
def test_withdrawn_currencies_and_codes_that_are_none_are_refused(currency):
    assert not is_currency(currency)
    with pytest.raises(MoneyError, match="not an ISO 4217"):
        Money.parse("1.00", currency)


def test_an_amount_that_was_stored_before_its_currency_was_withdrawn_can_be_read():
    assert str(Money(12_345, "HRK")) == "HRK 123.45"


@given(MINOR, CURRENCY)
def test_an_amount_in_a_vendors_units_is_off_by_half_a_unit_at_most(minor, currency):
    units = in_units(minor, currency, lambda _: 2)
    step = max(1, 10 ** (exponent(currency) - 2))
    assert abs(from_units(units, currency, lambda _: 2) - minor) * 2 <= step


def test_money_of_two_currencies_is_not_added():
    with pytest.raises(MoneyError, match="cannot add"):
        Money(1, "USD") + Money(1, "EUR")


def test_money_reads_as_people_write_it():
    assert str(Money(249_900, "USD")) == "USD 2,499.00"
    assert str(Money(320_000, "JPY")) == "JPY 320,000"
    assert str(Money(741_255, "KWD")) == "KWD 741.255"
