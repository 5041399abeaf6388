"""How ready runs reach an executor: the difference between the two dispatchers, as seen from inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from affluent.store.bulk import Row


class Queue(Protocol):
    """Called in the transaction that makes runs ready."""

    def lock(self, connection: Connection, ordering_keys: Sequence[str]) -> None:
        """Keep others from adding or releasing runs of these ordering keys until the transaction ends. Keys are sorted."""

    def put(self, connection: Connection, runs: Sequence[Row]) -> None:
        """Queue runs that are ready; rows with id, priority, rank and due_at (microseconds)."""


class TableQueue:
    """Embedded: the rows of the runs table are the queue, and one writer needs no locks."""

    def lock(self, connection: Connection, ordering_keys: Sequence[str]) -> None:
        """Nothing to do."""

    def put(self, connection: Connection, runs: Sequence[Row]) -> None:
        """Nothing to do."""
