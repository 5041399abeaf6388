"""What edits make of an account's schedules: pure, day by day, both ends of a span belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A plan for a time. `id` is empty while it is not kept yet; `is_new`: an edit attached it."""

    id: str = ""
    plan_id: str
    version: int
    start: date
    end: date
    is_overridden: bool = False
    is_new: bool = False

    def touches(self, start: date, end: date) -> bool:
        """Whether the two spans share a day."""
        return self.start <= end and start <= self.end


@dataclass(slots=True)
class Calendar:
    """The spans of an account by time, never two on one day, and what the edits so far took away."""

    spans: list[Span]
    lost: list[Span] = field(default_factory=list)
    """The days that a kept span lost to another plan or to nothing."""

    def attach(self, new: Span) -> None:
        """Put a plan on its days, in place of what is there. Days that already have it stay as they are."""
        if not new.is_overridden and any(
            span.plan_id == new.plan_id and span.start <= new.start and new.end <= span.end for span in self.spans
        ):
            return
        self._clear(new.start, new.end, for_plan=new.plan_id)
        self.spans.append(replace(new, is_new=True))
        self.spans.sort(key=lambda span: span.start)

    def detach(self, start: date, end: date) -> None:
        """Leave these days without a plan."""
        self._clear(start, end, for_plan="")

    def _clear(self, start: date, end: date, *, for_plan: str) -> None:
        kept: list[Span] = []
        for span in self.spans:
            if not span.touches(start, end):
                kept.append(span)
                continue
            rest: list[Span] = []
            if span.start < start:
                rest.append(replace(span, end=start - _DAY))
            if span.end > end:
                rest.append(replace(span, start=end + _DAY, id="" if rest else span.id))
            kept += rest
            if span.id and not span.is_new and span.plan_id != for_plan:
                self.lost.append(replace(span, start=max(span.start, start), end=min(span.end, end)))
        self.spans = kept

    def remaining(self, since: date) -> int:
        """How many spans are in force on a day, or later."""
        return sum(span.end >= since for span in self.spans)


def forbidden(spans: Sequence[Span], start: date, end: date, *, today: date, free: frozenset[str]) -> Span | None:
    """The span that an edit may not touch: one whose days up to today would change. Plans in `free` allow it for the current one."""
    for span in spans:
        if not span.touches(start, end) or max(span.start, start) > today:
            continue
        if span.plan_id not in free or span.end < today:
            return span
    return None
