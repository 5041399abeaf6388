"""Outcomes that are not final are taken up again: their runs go on at the step where they ended or wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sqlalchemy import Connection

from affluent.engine.journal import Journal
from affluent.engine.queue import Queue
from affluent.kit import clock
from affluent.store import ledger, positions
from affluent.store import runs as run_store
from affluent.store.database import Database

_AT_ONCE = 200
_MOMENT = 0.25
"""Seconds."""
_SKIPPED = "skipped"


class TakingUp:
    """Looks for outcomes that are due to be taken up again."""

    def __init__(self, *, database: Database, journal: Journal, queue: Queue, learned: asyncio.Event) -> None:
        self._database = database
        self._journal = journal
        self._queue = queue
        self._learned = learned

    async def wait(self) -> None:
        """Return when something was learned in this process, or after a moment: other processes learn things, too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT):
                await self._learned.wait()
        self._learned.clear()

    async def sweep(self) -> int:
        """Let the runs go on whose outcomes are due to be taken up again. Returns how many."""
        if not await self._database.read(lambda connection: positions.has_due(connection, clock.now())):
            return 0
        return await self._database.write(self._take_up)

    def _take_up(self, connection: Connection) -> int:
        now = clock.now()
        runs = positions.take_due(connection, now=now, limit=_AT_ONCE)
        self._queue.lock(connection, run_store.ordering_keys(connection, [run.run_id for run in runs]))
        ordering_keys: set[str] = set()
        for run in runs:
            reopened = positions.reopen(connection, run, now)
            if reopened is None:
                positions.forget(connection, run.effect_key)
                continue
            state, ordering_key = reopened
            ordering_keys.add(ordering_key)
            if state == _SKIPPED:
                ledger.moved(connection, [(run.run_id, ledger.OPEN)])
        self._journal.release(connection, sorted(ordering_keys))
        return len(ordering_keys)
