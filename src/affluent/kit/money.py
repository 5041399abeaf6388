"""Money: whole minor units and an ISO 4217 currency, decimals only at the edge, never a float."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from functools import cache

from babel.numbers import get_currency_precision, list_currencies
from iso4217 import raw_table

from affluent.kit.numbers import exact, shown

_EXACT = Context(prec=120)
"""More digits than any amount that is read has, so that nothing is rounded by the way."""
_TOO_LARGE = 10**18
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")


class MoneyError(ValueError):
    """An amount or currency that cannot be money; the message names what was wrong."""


Places = Callable[[str], int]
"""Currency → the decimal places in which it is counted."""

_ISO_PLACES = {
    code: int(places) for code, row in raw_table.items() if code and (places := str(row["CcyMnrUnts"])).isdigit()
}
"""Codes that are in use and counted in decimals; metals and codes for tests and for no currency are not."""


def exponent(currency: str) -> int:
    """Decimal places of a currency by ISO 4217: JPY 0, USD 2, KWD 3. Unknown and withdrawn codes are refused, not guessed."""
    places = _ISO_PLACES.get(currency.upper())
    if places is None:
        raise MoneyError(f"{shown(currency)} is not an ISO 4217 currency code")
    return places


def is_currency(code: object) -> bool:
    """Whether this is the code of a currency by ISO 4217, in capitals."""
    return isinstance(code, str) and code in _ISO_PLACES


@cache
def _places_once(currency: str) -> int:
    """Decimal places, also of a currency withdrawn since the amount was stored: what is stored can always be read."""
    if currency not in _ISO_PLACES and currency in list_currencies("en"):
        return get_currency_precision(currency)
    return exponent(currency)


def in_units(minor_units: Fraction | int, currency: str, places: Places) -> int:
    """An amount in minor units as whole units of a vendor: KWD 741.255 is 74126 where two places are counted."""
    return round(_shifted(minor_units, places(currency) - exponent(currency)))


def from_units(units: int, currency: str, places: Places) -> int:
    """Whole units of a vendor as minor units: 74126 of KWD in two places are 741260."""
    return round(_shifted(units, exponent(currency) - places(currency)))


def _shifted(amount: Fraction | int, by: int) -> Fraction:
    return amount * Fraction(10) ** by


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of one currency: `Money(249900, "USD")` is USD 2,499.00."""

    minor_units: int
    currency: str

    @classmethod
    def parse(cls, amount: str | int | Decimal, currency: str) -> Money:
        """From major units as text ("2499.00"). More decimals than the currency has raise MoneyError; floats always do."""
        scaled = _scaled(amount, currency)
        if scaled != scaled.to_integral_value():
            raise MoneyError(f"{shown(amount)} has more decimals than {currency.upper()} allows ({exponent(currency)})")
        return cls(int(scaled), currency.upper())

    @classmethod
    def rounded(cls, amount: str | int | Decimal, currency: str) -> Money:
        """As parse, but rounds half to even to the minor unit."""
        scaled = _scaled(amount, currency)
        return cls(int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN)), currency.upper())

    @property
    def major(self) -> Decimal:
        """The amount in major units with the currency's own number of decimals: Decimal("2499.00")."""
        return Decimal(self.minor_units).scaleb(-_places_once(self.currency))

    def __str__(self) -> str:
        return f"{self.currency} {self.major:,}"

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise MoneyError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor_units + other.minor_units, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor_units, self.currency)


def typed(text: str, currency: str) -> Money:
    """An amount as people type it: "2499.00", or with commas between thousands as it is shown, "2,499.00".

    A comma that could be meant as a decimal point raises MoneyError: "2,50" never becomes 250.
    """
    amount = text.strip()
    # "2,499" of a currency with three decimals may be 2499 or 2.499.
    is_ambiguous = exponent(currency) == 3 and "." not in amount and amount.count(",") == 1
    if "," in amount and (is_ambiguous or not _GROUPED.fullmatch(amount)):
        raise MoneyError(
            f"{shown(amount)} is not clear: write a point before the decimals and no comma, such as 2499.00"
        )
    return Money.parse(amount.replace(",", ""), currency)


def _scaled(amount: str | int | Decimal, currency: str) -> Decimal:
    """The amount in minor units, with what decimals are left."""
    if isinstance(amount, (float, bool)):
        raise MoneyError(f'{amount!r} is not an exact amount: send it as text, e.g. "{amount}"')
    value = exact(amount)
    if value is None:
        raise MoneyError(f"{shown(amount)} is not an amount; write digits and a point, such as 2499.00")
    with localcontext(_EXACT):
        scaled = value.scaleb(exponent(currency))
    if abs(scaled) >= _TOO_LARGE:
        raise MoneyError(f"{shown(amount)} is too large to be an amount; at most 18 digits of minor units are kept")
    return scaled
