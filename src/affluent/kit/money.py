"""Money: whole minor units and an ISO 4217 currency, decimals only at the edge, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import cache

from moneyed import CURRENCIES


class MoneyError(ValueError):
    """An amount or currency that cannot be money; the message names what was wrong."""


@cache
def exponent(currency: str) -> int:
    """Decimal places of a currency by ISO 4217: JPY 0, USD 2, KWD 3. Unknown codes are refused, not guessed."""
    known = CURRENCIES.get(currency.upper())
    if known is None:
        raise MoneyError(f"{currency!r} is not an ISO 4217 currency code")
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
        value = _decimal(amount)
        scaled = value.scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise MoneyError(f"{amount} has more decimals than {currency.upper()} allows ({exponent(currency)})")
        return cls(int(scaled), currency.upper())

    @classmethod
    def rounded(cls, amount: str | int | Decimal, currency: str) -> Money:
        """As parse, but rounds half to even to the minor unit."""
        scaled = _decimal(amount).scaleb(exponent(currency))
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


def _decimal(amount: str | int | Decimal) -> Decimal:
    if isinstance(amount, (float, bool)):
        raise MoneyError(f'{amount!r} is not an exact amount: send it as text, e.g. "{amount}"')
    try:
        value = Decimal(amount)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise MoneyError(f"{amount!r} is not an amount") from error
    if not value.is_finite():
        raise MoneyError(f"{amount!r} is not an amount")
    return value
