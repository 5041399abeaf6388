"""In which unit FirstPromoter counts amounts: the vendor's own table, and not ISO 4217's.

Its descriptions say: whole units for zero-decimal currencies, everything else times 100, so also the currencies of three and
four places. It publishes no list of zero-decimal currencies; these are the ones that have no decimals by ISO 4217.
"""

from __future__ import annotations

import re
from decimal import Decimal

from affluent.apps.firstpromoter.schemas import Credentials
from affluent.kit.money import Money, Places, exponent, from_units, in_units

_PLACES = 2
_ZERO_DECIMAL = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_NUMBERS = {0: "no", 1: "one", 2: "two", 3: "three", 4: "four"}


def documented_places(currency: str) -> int:
    """The decimal places that FirstPromoter documents for a currency; MoneyError for codes that are none."""
    exponent(currency)
    return 0 if currency.upper() in _ZERO_DECIMAL else _PLACES


def places(credentials: Credentials) -> Places:
    """Currency → the decimal places that FirstPromoter counts on this connection; MoneyError for codes that are none."""
    stated = dict(re.findall(r"([A-Z]{3})=([0-4])", credentials.decimal_places))

    def of(currency: str) -> int:
        documented = documented_places(currency)
        return int(stated.get(currency.upper(), documented))

    return of


def share(credentials: Credentials, amount: int, currency: str, *, before: int = 0) -> int:
    """The amount in FirstPromoter's units, after what of the same invoice was told before.

    The running total is converted and not each part, so that the parts' units add up to those of the whole.
    """
    counted = places(credentials)
    return in_units(before + amount, currency, counted) - in_units(before, currency, counted)


def minor(credentials: Credentials, units: int, currency: str) -> int:
    """FirstPromoter's units in minor units; of a currency that the API does not name, or that is none, the same number."""
    return from_units(units, currency, places(credentials)) if currency else units


def rounding(credentials: Credentials, currency: str) -> int:
    """How many minor units one unit of FirstPromoter is, where it counts fewer places than the currency has; else 1."""
    return int(max(1, 10 ** (exponent(currency) - places(credentials)(currency))))


def note(credentials: Credentials, money: Money, units: int) -> str:
    """What the run says when FirstPromoter counts other places than the currency has; else empty."""
    counted = places(credentials)(money.currency)
    if counted == exponent(money.currency):
        return ""
    sent = Decimal(units).scaleb(-counted)
    return (
        f"FirstPromoter counts {money.currency} in {_NUMBERS[counted]} decimal places: "
        f"{money} was sent as {sent:,f}, which are {units} of its units."
    )
