"""Pages: sizes, and tokens that carry the filters, so that a following page needs no other parameter."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from affluent.billing.errors import Refused
from affluent.kit.jsons import InvalidJSON, JSONObject, dumps, loads

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Part(Protocol[T_co]):
    """Part of a list, with what follows it."""

    @property
    def items(self) -> Sequence[T_co]:
        """The items."""

    @property
    def next(self) -> str:
        """Where the following part begins; empty on the last."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for: of what, from where, how many."""

    filters: Mapping[str, str]
    after: str
    size: int

    def answer(self, part: Part[T], view: Callable[[T], JSONObject]) -> JSONObject:
        """The page in the dialect's shape."""
        return {"data": [view(item) for item in part.items], "nextToken": self._token(part.next)}

    def _token(self, after: str) -> str | None:
        if not after:
            return None
        text = dumps({"a": after, "n": self.size, "f": dict(self.filters)})
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def paging(query: Mapping[str, str], *filters: str, usual: int = 20, most: int = 100) -> Paging:
    """What a request asks for; raises Refused naming pageSize or nextToken."""
    given = {name: query[name] for name in filters if query.get(name)}
    token = query.get("nextToken", "")
    kept: JSONObject = _opened(token) if token else {"a": "", "n": usual, "f": {}}
    size = _size(query["pageSize"], most) if query.get("pageSize") else min(kept["n"], most)
    return Paging(filters=given or kept["f"], after=kept["a"], size=size)


def _size(text: str, most: int) -> int:
    digits = text.removesuffix(".0")  # the description calls it a number on half the lists
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10 and 1 <= int(digits) <= most):
        raise Refused(f"Must be a whole number from 1 to {most}.", field="pageSize")
    return int(digits)


def _opened(token: str) -> JSONObject:
    try:
        found = loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, InvalidJSON):
        found = None
    if (
        isinstance(found, dict)
        and found.keys() == {"a", "n", "f"}
        and isinstance(found["a"], str)
        and type(found["n"]) is int
        and found["n"] >= 1
        and isinstance(found["f"], dict)
        and all(isinstance(value, str) and "\x00" not in value for value in [found["a"], *found["f"].values()])
    ):
        return found
    raise Refused("It is not a token of a page before; begin again without one.", field="nextToken")
