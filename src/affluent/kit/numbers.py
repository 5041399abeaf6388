"""Numbers that strangers send, bounded before they are converted.

Python reads "1e999990" in microseconds and then works for half a minute to write it down; `str.isdigit` calls "²" a digit,
`Decimal` reads "١٢" and "1_000", and `int` refuses 5,000 nines. Whatever turns outside text into a number does it here.
"""

from __future__ import annotations

import re
from decimal import Decimal

LARGEST_INTEGER = 2**31 - 1
"""The largest whole number of an Integer column on PostgreSQL; a larger one is compared with none."""
MOST_DIGITS = 40
"""Before the point, and after it."""
_LONGEST = 2 * MOST_DIGITS + 8
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_BEYOND = 10**MOST_DIGITS


def whole(text: str, *, digits: int = 9) -> int | None:
    """The number that a text of the digits 0 to 9 says, at most so many of them; else None."""
    return int(text) if len(text) <= digits and text.isascii() and text.isdigit() else None


def exact(value: object) -> Decimal | None:
    """A whole number, a Decimal or a text such as "-2499.00" as a Decimal of at most 40 digits before and after the point; else None.

    Floats and truth values are no exact numbers. Texts have the digits 0 to 9, a point, and an exponent at most; spaces around
    them are dropped.
    """
    if isinstance(value, str):
        text = value.strip() if len(value) <= _LONGEST else ""
        number = Decimal(text) if _DECIMAL.fullmatch(text) else None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value) if -_BEYOND < value < _BEYOND else None
    else:
        number = value if isinstance(value, Decimal) and value.is_finite() else None
    return number if number is not None and _is_bounded(number) else None


def shown(value: object) -> str:
    """A value as messages name it: cut when it is long, and never converted when it is a huge number."""
    if isinstance(value, int) and not -_BEYOND < value < _BEYOND:
        return "a number of more than 40 digits"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[:MOST_DIGITS]}…")
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_bounded(number: Decimal) -> bool:
    if number.adjusted() >= MOST_DIGITS:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_DIGITS
