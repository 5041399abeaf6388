"""Where changes are written: a change and the events that tell of it are one transaction, or neither happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from affluent.billing.errors import Taken
from affluent.billing.events import Accept
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.store.database import Database

T = TypeVar("T")
Changed = tuple[T, Sequence[EventDraft]]
"""What a change answers, and the events that tell of it."""


class Ledger:
    """The database with the door for events beside it."""

    def __init__(self, database: Database, accept: Accept) -> None:
        self._database = database
        self._accept = accept

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit that only reads."""
        return await self._database.read(unit)

    async def change(self, unit: Callable[[Connection], Changed[T]]) -> T:
        """Run a unit that changes something, hand its events in, and return its answer when both are durable."""

        def whole(connection: Connection) -> T:
            answer, drafts = unit(connection)
            if drafts:
                now = clock.now()  # one time for all, so that their order is the one in which they are told
                self._accept(connection, [replace(draft, occurred_at=now) for draft in drafts])
            return answer

        try:
            return await self._database.write(whole)
        except IntegrityError:
            # Somebody wrote the same id at the same moment. Now it is there to be seen, and the unit says what is wrong.
            try:
                return await self._database.write(whole)
            except IntegrityError as error:
                raise Taken("It was created by another request at the same time; read it and try again.") from error


def billing_id(prefix: str) -> str:
    """A new id in the dialect's shape: prefix, dot, and a part that sorts by time."""
    return new_id(prefix).replace("_", ".", 1)
