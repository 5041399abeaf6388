"""JSON at the edges: one parser, one printer, one canonical form."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

from affluent.kit.numbers import exact, shown

JSONValue = Any  # the JSON edge: dict, list, str, int, float, bool or None
JSONObject = dict[str, Any]

MAX_DEPTH = 64
_LEAST, _MOST = -(2**63), 2**63 - 1
_MOST_BITS = 64
_LONGEST_NUMBER = 4000
_DEEPEST = 250
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidJSON(ValueError):
    """The text is not JSON that we accept; the message says where."""


def loads(text: str | bytes) -> JSONValue:
    """Parse JSON; raises InvalidJSON with the position, never a parser's own error."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(str(error)) from error
    if _too_deep(value):
        raise InvalidJSON(f"nested deeper than {MAX_DEPTH} levels")
    return value


def stored(text: str | bytes) -> JSONValue:
    """Parse JSON that `dumps` wrote, however deep it is; raises InvalidJSON for anything else."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise InvalidJSON(str(error)) from error


def dumps(value: JSONValue) -> str:
    """Compact JSON text. Decimals become strings: money is never a float.

    Half a surrogate pair becomes U+FFFD and a whole number of more than 64 bits keeps its digits: both can be read back.
    """
    try:
        return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        mended = _mended(value)
        return orjson.dumps(mended, default=_default, option=orjson.OPT_NON_STR_KEYS).decode()


def unstorable(value: JSONValue, path: str = "") -> tuple[str, str] | None:
    """The path of the first part of a value that cannot be stored as it is, and what is wrong with it; None: all can."""
    reason = _unstorable_reason(value)
    if reason:
        return path, reason
    if isinstance(value, dict):
        parts = [*((name, name) for name in value), *value.items()]
    elif isinstance(value, list):
        parts = [(str(number), item) for number, item in enumerate(value)]
    else:
        return None
    faults = (unstorable(item, f"{path}.{name}".strip(".")) for name, item in parts)
    return next(filter(None, faults), None)


def _unstorable_reason(value: JSONValue) -> str:
    if isinstance(value, str) and (_LONE_SURROGATE.search(value) or "\0" in value):
        return "Must not contain the character U+0000 or half a surrogate pair."
    if isinstance(value, float) and not isfinite(value):
        return "Must be a number; there is none for infinite or undefined."
    if type(value) is int and not _LEAST <= value <= _MOST:
        return f"Must be a whole number from {_LEAST} to {_MOST}; write a larger one as text."
    return ""


def whole_text(value: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which no encoding can write down."""
    return _LONE_SURROGATE.sub("\ufffd", value)


def number(value: Decimal | str) -> JSONValue:
    """An exact JSON number for `dumps`: "2499.00" is printed as 2499.00 and never was a float."""
    amount = exact(value)
    if amount is None:
        raise ValueError(f"{shown(value)} is not a number that can be written down")
    return orjson.Fragment(format(amount, "f").encode())


def canonical(value: JSONValue) -> bytes:
    """The same bytes for the same value: keys sorted, no spaces. For hashes and signatures."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def text_of(value: JSONValue) -> str:
    """A text, or a number as text; empty for what is no text: null, true, false, a list, an object."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else ""


def kind_of(value: JSONValue) -> str:
    """What a value is, in words for people: "a list"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "text or a number"


def _default(value: object) -> JSONValue:
    if isinstance(value, Decimal):
        return format(value, "f") if exact(value) is not None else str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _mended(value: JSONValue, depth: int = 0) -> JSONValue:
    """The value with what JSON text cannot hold written as what it can."""
    if depth > _DEEPEST:
        raise TypeError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, dict):
        return {
            whole_text(key) if isinstance(key, str) else key: _mended(item, depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_mended(item, depth + 1) for item in value]
    if type(value) is int and _MOST_BITS <= value.bit_length() <= _LONGEST_NUMBER:
        return orjson.Fragment(str(value).encode())
    return value


def _too_deep(value: JSONValue) -> bool:
    """Whether lists and objects stand in one another deeper than allowed; level by level, so that many cost little."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
