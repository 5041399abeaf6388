"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from affluent.kit.clock import from_micros, to_micros
from affluent.kit.jsons import InvalidJSON, dumps, stored


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else from_micros(value)


UNREADABLE = "unreadable"
"""The one key of what stands for a stored JSON value that cannot be read; its value is the reason."""


class Json(TypeDecorator[Any]):
    """A JSON value, kept as compact text: the same bytes in both databases.

    Reading never raises, because one row that cannot be read would take its whole list along: it reads {"unreadable": reason}.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - JSON edge; SQLAlchemy's signature
        return None if value is None else dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - JSON edge; SQLAlchemy's signature
        return None if value is None else readable(value)


def readable(value: str | bytes) -> Any:  # noqa: ANN401 - JSON edge
    """A stored JSON value, or {"unreadable": reason}."""
    try:
        return stored(value)
    except InvalidJSON as error:
        return {UNREADABLE: f"What is stored here is not JSON: {error}"}
