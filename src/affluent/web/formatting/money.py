"""Money as people read it: never without its currency, never as a float."""

from __future__ import annotations

from babel.numbers import get_currency_symbol
from markupsafe import Markup

from affluent.kit.money import Money

_TAG = Markup('<span class="nowrap" title="{code}">{text}</span>')


def in_words(money: Money) -> str:
    """$2,499.00, ₹1,499.00, ¥320,000, KWD 741.255: with the decimals of its currency."""
    symbol = get_currency_symbol(money.currency, locale="en_US")
    space = " " if symbol[-1:].isalpha() else ""
    return f"{'-' if money.minor_units < 0 else ''}{symbol}{space}{abs(money.major):,}"


def read(currency: str, amount: str) -> str:
    """The same of an amount in the decimals of its currency, e.g. USD and 2499.00."""
    return shown(Money.parse(amount, currency))


def shown(money: Money | None, *, missing: str = "—") -> str:
    """An element with the amount, and the currency's code on hover."""
    return missing if money is None else _TAG.format(code=money.currency, text=in_words(money))
