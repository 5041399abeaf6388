"""Limits how many tasks run at a time; of those that wait, the most urgent goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ConcurrencySlots:
    """A fixed number of slots, given to the most urgent waiter first."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._taken = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return self._taken

    @asynccontextmanager
    async def slot(self, urgency: int) -> AsyncIterator[None]:
        """Wait for a slot and keep it for the context. Higher urgency goes first, equal urgency in order of arrival."""
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait(urgency)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._free_slot()

    def admit_all(self) -> None:
        """Let all waiting tasks in at once, even beyond the number of slots."""
        while self._waiting:
            self._admit_next()

    async def _wait(self, urgency: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-urgency, next(self._number), future))
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # it was let in at the same moment
                self._free_slot()
            raise

    def _free_slot(self) -> None:
        self._free += 1
        while self._waiting and self._free > 0:
            self._admit_next()

    def _admit_next(self) -> None:
        future = heapq.heappop(self._waiting)[2]
        if not future.done():
            self._free -= 1
            future.set_result(None)
