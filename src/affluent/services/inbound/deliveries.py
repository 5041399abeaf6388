"""Deliveries kept for diagnosis: how many refused ones, and how much of each. How long any is kept: retention.py."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from time import monotonic

from affluent.store import deliveries as store
from affluent.store.database import Database

LARGEST_REFUSED = 16_384
"""Bytes kept of a refused body; an accepted one is kept whole."""
_KEPT_REFUSED = 1000
"""Refused deliveries kept per hook; those of unknown addresses count as one hook."""
_BURST = 50
_PER_SECOND = 0.5
_MOST_HOOKS = 1000
_BATCH = 500
_BREATH_SECONDS = 0.05


class Quota:
    """How many refused deliveries this process may keep now: fifty at once per hook, then one every two seconds."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, hook: str) -> bool:
        """Whether one more refused delivery of a hook is kept; "" stands for all unknown ones."""
        now = monotonic()
        left, at = self._left.pop(hook, (float(_BURST), now))
        left = min(left + (now - at) * _PER_SECOND, _BURST)
        may = left >= 1
        self._left[hook] = (left - 1 if may else left, now)
        if len(self._left) > _MOST_HOOKS:
            self._left.popitem(last=False)
        return may


async def drop_surplus(database: Database) -> int:
    """Delete refused deliveries that are too many, a little at a time; returns how many."""
    dropped = 0
    while count := await database.write(partial(store.drop_refused, kept=_KEPT_REFUSED, limit=_BATCH)):
        dropped += count
        await asyncio.sleep(_BREATH_SECONDS)
    return dropped


def plain(value: str) -> str:
    """Text without the zero bytes that PostgreSQL refuses; they are shown as an escape."""
    return value.replace("\x00", "\\x00")
