"""Whether the hub does its work: runs that are due move. What lives and answers can still stand still.

A run moves when something of it is recorded: a step, a wait, its end. Nothing is due while runs wait for a vendor's limit, for a
retry or for their connection, and a call that waits for its slot counts as moving. So "due, and nothing moved for a minute" is
always a fault: no worker runs, the workers hang, or what they take cannot be executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.store import progress as store
from affluent.store.database import Database

PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Runs are due and none moves."""

    since: datetime
    """When a run last moved or, if later, since when the oldest is due."""

    @property
    def age(self) -> timedelta:
        """For how long nothing has moved that should."""
        return clock.now() - self.since

    @property
    def sentence(self) -> str:
        """For a person."""
        minutes = int(self.age.total_seconds() // 60)
        passed = f"{minutes} minutes" if minutes > 1 else "a minute"
        return f"Runs are due, and none has moved for {passed}. Is a worker running, and what does its log say?"


def patience(request_timeout_seconds: int) -> timedelta:
    """How long nothing may move: a minute, or more where a vendor may take longer to answer."""
    return max(PATIENCE, timedelta(seconds=2 * request_timeout_seconds))


def stalled(
    connection: Connection, *, patience: timedelta = PATIENCE, moved_at: datetime | None = None
) -> Stall | None:
    """Whether runs are due and none has moved for so long; `moved_at`: what the caller knows of it beyond the store."""
    now = clock.now()
    before = now - patience
    known = (moved_at, store.last_moved(connection))
    last = max((at for at in known if at is not None and at <= now), default=None)  # later: the clock stepped back
    if last is not None and last > before:  # a busy hub is asked no more than this
        return None
    oldest = store.oldest_due(connection, before)
    if oldest is None:
        return None
    return Stall(since=oldest if last is None else max(oldest, last))


class Progress:
    """What this process knows of it. Its start counts as progress, so that a backlog has its minute."""

    def __init__(self, database: Database, *, patience: timedelta, waits_for_slot: Callable[[], bool]) -> None:
        self._database = database
        self._patience = patience
        self._waits_for_slot = waits_for_slot
        self._moved_at = clock.now()
        self._noted_at = self._moved_at

    def moved(self) -> None:
        """Something of a run was recorded."""
        self._moved_at = clock.now()

    async def note(self) -> None:
        """Tell the other processes, when something moved since the last time."""
        if self._waits_for_slot():
            self.moved()
        moved_at = self._moved_at
        if moved_at > self._noted_at:
            await self._database.write(lambda connection: store.note(connection, moved_at))
            self._noted_at = moved_at

    async def look(self) -> Stall | None:
        """Whether runs are due and none moves."""
        return await self._database.read(
            lambda connection: stalled(connection, patience=self._patience, moved_at=self._moved_at)
        )
