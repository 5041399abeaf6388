"""Money: whole minor units and an ISO 4217 currency, decimals only at the edge, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache

from moneyed import CURRENCIES

from affluent.kit.numbers import exact, shown

_EXACT = Context(prec=120)
"""More digits than any amount that is read has, so that nothing is rounded by the way."""
_TOO_LARGE = 10**18
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")


class MoneyError(ValueError):
    """An amount or currency that cannot be money; the message names what was wrong."""


@cache
def exponent(currency: str) -> int:
    """Decimal places of a currency by ISO 4217: JPY 0, USD 2, KWD 3. Unknown codes are refused, not guessed."""
    known = CURRENCIES.get(currency.upper())
    if known is None:
        raise MoneyError(f"{shown(currency)} is not an ISO 4217 currency code")
    return len(str(known.sub_unit)) - 1


def is_currency(code: object) -> bool:
    """Whether this is the code of a currency by ISO 4217, in capitals."""
    return isinstance(code, str) and code in CURRENCIES


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
        return Decimal(self.minor_units).scaleb(-exponent(self.currency))

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
