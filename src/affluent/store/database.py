"""The database as the rest sees it: read, write, and grouped writes.

A unit of work is a plain function of a SQLAlchemy connection. It cannot await, so no vendor can be called inside a transaction.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from affluent.kit.logs import logger

_log = logger("database")
T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 - item of a group
R = TypeVar("R")

Unit = Callable[[Connection], T]
Processor = Callable[[Connection, Sequence[I]], Sequence[R]]
"""Handles many items of one kind in one transaction: (connection, items) → one result per item, in order."""


class StoreUnavailable(Exception):
    """The database cannot be reached or written right now; nothing was lost, try again."""


async def retry_while_unavailable(
    work: Callable[[], Awaitable[T]],
    *,
    waiting: str,
    first_pause: float = 0.1,
    longest_pause: float = 5.0,
    may_retry: Callable[[], bool] = lambda: True,
) -> T:
    """Do the work, again and again while the database is unavailable, with pauses in seconds that double up to the longest.

    `waiting` says in the log what waits. Raises StoreUnavailable when `may_retry` says no.
    """
    pause = first_pause
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            if not may_retry():
                raise
            _log.warning("waiting for the database", waiting=waiting, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest_pause)


class Database(ABC):
    """One of the two stores. `dialect` is "sqlite" or "postgresql"."""

    dialect: str
    sealer: Unit[None] | None = None
    """Called at the end of every writing transaction, before it commits: seals the ledger."""

    @abstractmethod
    async def read(self, unit: Unit[T]) -> T:
        """Run a unit that only reads."""

    @abstractmethod
    async def write(self, unit: Unit[T]) -> T:
        """Run a unit in its own transaction (or savepoint of a group) and return when it is durable.

        An exception of the unit undoes the unit and is raised here.
        """

    @abstractmethod
    def hand_in(self, processor: Processor[I, R], item: I) -> asyncio.Future[R]:
        """Hand one item to the grouped writer, which writes it also when nobody waits any more. See `group`."""

    async def group(self, processor: Processor[I, R], item: I) -> R:
        """Hand one item to the grouped writer and return its result when the commit that holds it is durable."""
        return await self.hand_in(processor, item)

    @abstractmethod
    async def open(self) -> None:
        """Connect and start the writer."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was handed in, then disconnect."""

    @property
    @abstractmethod
    def transactions(self) -> int:
        """How many write transactions this process has committed; the bench reports it per run."""


NOTES = "ledger"
"""Where a transaction keeps what it has to seal."""


def on_commit(connection: Connection, callback: Callable[[], None]) -> None:
    """Call `callback` in the event loop after the transaction of this connection has committed."""
    connection.info.setdefault("on_commit", []).append(callback)


@contextmanager
def undone_if_it_fails(connection: Connection) -> Iterator[None]:
    """A savepoint: when the block raises, what it wrote, noted for the ledger and left for after the commit is forgotten."""
    kept, noted = len(connection.info.get("on_commit", [])), len(connection.info.get(NOTES, []))
    savepoint = connection.begin_nested()
    try:
        yield
    except OperationalError:
        raise
    except Exception:
        savepoint.rollback()
        del connection.info.get("on_commit", [])[kept:]
        del connection.info.get(NOTES, [])[noted:]
        raise
    savepoint.commit()


def committed(connection: Connection) -> list[Callable[[], None]]:
    """Take the callbacks left by `on_commit`; for the two databases."""
    callbacks: list[Callable[[], None]] = connection.info.pop("on_commit", [])
    return callbacks


def as_unit(unit: Unit[Any]) -> Processor[None, Any]:
    """A unit as a processor of one item."""
    return lambda connection, _items: [unit(connection)]


def time_of(connection: Connection) -> datetime:
    """What the clock of the database server says; PostgreSQL only."""
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment
