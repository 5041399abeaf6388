"""Values that are read once and kept for a moment, however many ask for them at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Keeps each value for `seconds`, but no None. Those who ask while it is being read wait for that one reading."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[K, tuple[float, V]] = {}
        self._reading: dict[K, asyncio.Task[V]] = {}

    def forget(self) -> None:
        """Something changed: read everything anew, also what is being read right now."""
        self._kept.clear()
        self._reading.clear()

    async def get(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """The value of a key; raises what reading it raises, and keeps nothing then."""
        kept = self._kept.get(key)
        if kept is not None and monotonic() - kept[0] <= self._seconds:
            return kept[1]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(_whole(read()))
            reading.add_done_callback(lambda done: self._keep(key, done))
        # One who stops waiting must not stop the others.
        return await asyncio.shield(reading)

    def _keep(self, key: K, done: asyncio.Task[V]) -> None:
        value = None if done.cancelled() or done.exception() is not None else done.result()
        if self._reading.get(key) is not done:
            return
        del self._reading[key]
        if value is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = (monotonic(), value)


async def _whole(reading: Awaitable[V]) -> V:
    return await reading
