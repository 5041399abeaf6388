"""Functions of expressions: money, dates, text, tables. All pure and total over their documented types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext

from affluent.kit.jsons import JSONValue, kind_of, text_of
from affluent.kit.money import Money
from affluent.kit.numbers import exact, shown, whole

_EXACT = Context(prec=120)
"""More digits than two amounts have, so that nothing is rounded."""
_LONGEST_TEXT = 100_000
_LONGEST_SHOWN = 20_000
"""Of what is no text: quoted again and again, a list inside a list would double each time."""


def minor_units(amount: JSONValue, currency: str) -> int:
    """Whole minor units of a major amount: minor_units("2499.00", "USD") is 249900, JPY is unscaled, KWD times 1000."""
    return Money.parse(amount if isinstance(amount, (int, str)) else str(amount), currency).minor_units


def major_units(minor: int, currency: str) -> str:
    """The major amount as text: major_units(249900, "USD") is "2499.00"."""
    return str(Money(_whole(minor), currency).major)


def add(left: str, right: str) -> str:
    """Exact sum of two amounts given as text: add("1.10", "2.20") is "3.30"."""
    with localcontext(_EXACT):
        return format(_amount(left) + _amount(right), "f")


def subtract(left: str, right: str) -> str:
    """Exact difference of two amounts given as text."""
    with localcontext(_EXACT):
        return format(_amount(left) - _amount(right), "f")


def at_least(amount: str, minimum: str) -> bool:
    """Whether an amount given as text is at least the other: at_least("10.00", "0.50")."""
    return _amount(str(amount)) >= _amount(str(minimum))


def lower(value: str) -> str:
    """The text in lower case."""
    return value.lower()


def upper(value: str) -> str:
    """The text in upper case."""
    return value.upper()


def trim(value: str) -> str:
    """The text without spaces at its ends."""
    return value.strip()


def cut(value: str, length: int) -> str:
    """At most `length` characters of the text."""
    return value[: max(length, 0)]


def default(value: JSONValue, otherwise: JSONValue) -> JSONValue:
    """The value, or the other one when it is missing, null or empty."""
    return otherwise if value is None or value == "" else value


def first(values: list[JSONValue]) -> JSONValue:
    """The first value of a list that is neither null nor empty."""
    return next((value for value in values if value not in (None, "")), None)


def lookup(table: JSONValue, column: str, key: JSONValue, result: str) -> JSONValue:
    """The `result` cell of the first row whose `column` equals `key`, or null."""
    sought = text_of(key).lower()
    if not isinstance(table, list) or not sought:
        return None
    for row in table:
        if isinstance(row, dict) and text_of(row.get(column)).lower() == sought:
            return row.get(result)
    return None


def day(value: str) -> str:
    """The date of a time, as YYYY-MM-DD."""
    return _instant(value).date().isoformat()


def tomorrow(value: str) -> str:
    """The date after that of a time, as YYYY-MM-DD."""
    return (_instant(value).date() + timedelta(days=1)).isoformat()


def add_days(value: str, days: int) -> str:
    """The date so many days later, as YYYY-MM-DD."""
    return (date.fromisoformat(value[:10]) + timedelta(days=days)).isoformat()


def from_unix(seconds: int) -> str:
    """The ISO 8601 time of seconds since 1970."""
    return datetime.fromtimestamp(_whole(seconds), UTC).isoformat()


def text(value: JSONValue) -> str:
    """The value as text; null is empty. True, false, a list or an object is no text: raises TypeError."""
    if isinstance(value, (bool, list, dict)):
        raise TypeError(f"{kind_of(value)} is no text")
    shown = text_of(value)
    if not isinstance(value, str) and len(shown) > _LONGEST_SHOWN:
        raise ValueError(
            f"as text this has more than {_LONGEST_SHOWN:,} characters; name the smaller part that is needed"
        )
    return shown


def join(values: list[JSONValue], separator: str) -> str:
    """The values as one text."""
    parts: list[str] = []
    length = 0
    for value in values:
        parts.append(text(value)[:_LONGEST_TEXT])
        length += len(parts[-1]) + len(separator)
        if length > _LONGEST_TEXT:
            break
    return separator.join(parts)[:_LONGEST_TEXT]


def _amount(value: JSONValue) -> Decimal:
    amount = exact(value)
    if amount is None:
        raise ValueError(f"{shown(value)} is not an amount; write digits and a point, such as 2499.00")
    return amount


def _whole(value: JSONValue) -> int:
    number = whole(value.strip(), digits=18) if isinstance(value, str) else int(value)
    if number is None:
        raise ValueError(f"{shown(value)} is not a whole number")
    return number


def _instant(value: str) -> datetime:
    return datetime.fromisoformat(value)


FUNCTIONS: dict[str, Callable[..., JSONValue]] = {
    function.__name__: function
    for function in (
        minor_units, major_units, add, subtract, at_least, lower, upper, trim, cut, default, first, lookup,
        day, tomorrow, add_days, from_unix, text, join,
    )
}  # fmt: skip
