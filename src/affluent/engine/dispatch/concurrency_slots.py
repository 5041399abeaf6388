"""At most so many at a time; of those who wait, the most urgent goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ConcurrencySlots:
    """A fixed number of places."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._taken = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    @property
    def taken(self) -> int:
        """How many are inside."""
        return self._taken

    @asynccontextmanager
    async def place(self, urgency: int) -> AsyncIterator[None]:
        """Wait for a place and keep it for the context. Higher urgency goes first, equal urgency in order of arrival."""
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait(urgency)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._hand_on()

    def let_all_in(self) -> None:
        """Nobody waits any longer."""
        while self._waiting:
            self._let_in()

    async def _wait(self, urgency: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-urgency, next(self._number), future))
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # it was let in at the same moment
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        self._free += 1
        while self._waiting and self._free > 0:
            self._let_in()

    def _let_in(self) -> None:
        future = heapq.heappop(self._waiting)[2]
        if not future.done():
            self._free -= 1
            future.set_result(None)
