"""The kinds of fields that requests are made of: ids, texts, exact amounts, times, dates, currencies."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    StringConstraints,
    alias_generators,
)

from affluent.kit.jsons import JSONObject
from affluent.kit.mailboxes import is_mailbox
from affluent.kit.money import MoneyError, exponent
from affluent.kit.numbers import exact

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1)
LARGEST_AMOUNT = Decimal(10) ** 12
"""In major units; beyond it an amount is a mistake."""


class Body(BaseModel):
    """The body of a request: closed, in the dialect's camel case."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=alias_generators.to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


def _id(value: str) -> str:
    if "/" in value or value in (".", "..") or not value.isprintable() or value != value.strip():
        raise ValueError("Must have no slash, no control character and no space around it")
    return value


def _email(value: str) -> str:
    if value and not is_mailbox(value):
        raise ValueError(
            "Must be an e-mail address, e.g. billing@acme.example, without spaces or characters that cannot be seen"
        )
    return value


def _amount(value: Any) -> Decimal:  # noqa: ANN401 - the JSON edge
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, float)):
        raise ValueError("Must be a number")  # noqa: TRY004 - pydantic reports ValueError as the field's problem
    number = exact(repr(value) if isinstance(value, float) else value)
    if number is None or abs(number) > LARGEST_AMOUNT or number.as_tuple().exponent < -12:  # type: ignore[operator]  # finite, so a whole number
        raise ValueError("Must be a number with at most 12 digits before and after the point")
    return number


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("Must not be negative")
    return value


def _moment(value: datetime) -> datetime:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    if not _EARLIEST <= aware <= _LATEST:
        raise ValueError("Must lie between the years 1970 and 9999")
    return aware.astimezone(UTC)


def _day(value: date) -> date:
    if value < _FIRST_DAY:
        raise ValueError("Must not lie before 1970")
    return value


def _written(value: Any) -> Any:  # noqa: ANN401 - the JSON edge
    if not isinstance(value, (str, date)):
        raise ValueError("Must be a date as text, e.g. 2026-07-01")  # noqa: TRY004 - as above
    return value


def _currency(value: str) -> str:
    try:
        exponent(value)
    except MoneyError as error:
        raise ValueError(str(error)) from error
    return value.upper()


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError("Must be a country code of two letters, e.g. DE")
    return value


def _as_given(value: Any) -> Any:  # noqa: ANN401 - the JSON edge
    """JSON that is kept and given back: its decimals as the numbers they were, never as text."""
    if isinstance(value, dict):
        return {name: _as_given(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_given(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


Flag = StrictBool
Whole = StrictInt
Id = Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(_id)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""An id that names something which is there, or not."""
Name = Annotated[str, StringConstraints(min_length=3, max_length=255)]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Text = Annotated[str, StringConstraints(max_length=1000)]
Note = Annotated[str, StringConstraints(max_length=512)]
Description = Annotated[str, StringConstraints(max_length=255)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^./\s]+$")]
Value = Annotated[str, StringConstraints(max_length=10_000)]
Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(_email)]
NeededEmail = Annotated[str, StringConstraints(min_length=1, max_length=320), AfterValidator(_email)]
Country = Annotated[str, AfterValidator(_country)]
Currency = Annotated[str, StringConstraints(min_length=3, max_length=3), AfterValidator(_currency)]
Number = Annotated[Decimal, BeforeValidator(_amount)]
Amount = Annotated[Decimal, BeforeValidator(_amount), AfterValidator(_not_negative)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_moment)]
Document = Annotated[JSONObject, BeforeValidator(_as_given)]
"""A JSON object that is kept as it is given."""
Day = Annotated[date, BeforeValidator(_written), AfterValidator(_day)]
