"""Whole numbers in text that strangers send: `str.isdigit` calls "²" a digit and `int` refuses 5,000 nines."""

from __future__ import annotations

LARGEST_INTEGER = 2**31 - 1
"""The largest whole number of an Integer column on PostgreSQL; a larger one is compared with none."""


def whole(text: str, *, digits: int = 9) -> int | None:
    """The number that a text of the digits 0 to 9 says, at most so many of them; else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
