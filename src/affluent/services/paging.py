"""One page of a list: the items and where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")

LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Items in the order of the list. `next` is the id to give as `after` for the following page, empty on the last."""

    items: tuple[T, ...]
    next: str = ""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


def bounded(limit: int) -> int:
    """A page's size within what is allowed."""
    return max(1, min(limit, LARGEST_PAGE))


def page_of(rows: Sequence[S], limit: int, *, key: Callable[[S], str], view: Callable[[S], T]) -> Page[T]:
    """A page of rows that were asked for with one more than `limit`, so that it is known whether more follow."""
    kept = rows[:limit]
    following = key(kept[-1]) if len(rows) > limit else ""
    return Page(items=tuple(view(row) for row in kept), next=following)
