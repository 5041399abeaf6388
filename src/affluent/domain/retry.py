"""When a failed step is tried again: a pure policy per error class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_SOONEST = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with full jitter, up to a day after the first failure."""

    first: timedelta = timedelta(seconds=2)
    factor: float = 2.0
    longest: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(days=1)

    def next_at(
        self, *, now: datetime, tries: int, first_failed_at: datetime, retry_after: timedelta | None, chance: float
    ) -> datetime | None:
        """When to try again, or None to give up.

        `tries` counts the tries made so far (at least 1), `chance` is a random number in [0, 1).
        A vendor's Retry-After is a floor, never shortened: one that ends after we would give up is giving up.
        """
        latest = first_failed_at + self.give_up_after
        floor = max(retry_after or _SOONEST, _SOONEST)
        if now >= latest or now + floor > latest:
            return None
        ceiling = min(self.first * self.factor ** min(tries - 1, 30), self.longest)
        delay = ceiling * chance
        if delay < floor:
            delay = floor + ceiling * 0.1 * chance
        return min(now + delay, latest)


POLICIES: dict[str, RetryPolicy] = {
    "rate_limited": RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=5)),
    "unavailable": RetryPolicy(first=timedelta(seconds=1), longest=timedelta(hours=1)),
    "unreadable_answer": RetryPolicy(
        first=timedelta(seconds=2), longest=timedelta(minutes=5), give_up_after=timedelta(hours=1)
    ),
    "outcome_unknown": RetryPolicy(first=timedelta(seconds=2), longest=timedelta(hours=1)),
}
DEFAULT = RetryPolicy()


def policy_for(code: str) -> RetryPolicy:
    """The policy of an error class, by its code."""
    return POLICIES.get(code, DEFAULT)
