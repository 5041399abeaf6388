"""Slows down guessing: after a few failures a name or an address has to wait, twice as long each time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

_FREE = 5
_FIRST_WAIT_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 15 * 60.0
_MOST_KEPT = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class Throttle:
    """Counts failures per key in this process."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, *keys: str) -> float:
        """Seconds until another try is heard; 0 when now."""
        now = self._seconds()
        return max((self._failures[key].until - now for key in keys if key in self._failures), default=0.0)

    def failed(self, *keys: str) -> None:
        """Note a failure of these keys."""
        for key in keys:
            known = self._failures.setdefault(key, _Failures())
            self._failures.move_to_end(key)
            known.count += 1
            if known.count >= _FREE:
                wait = min(_FIRST_WAIT_SECONDS * 2 ** min(known.count - _FREE, 10), _LONGEST_WAIT_SECONDS)
                known.until = self._seconds() + wait
        while len(self._failures) > _MOST_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._failures.pop(key, None)
