"""Slows down guessing: after a few failures a name or an address has to wait, twice as long each time.

Kept in the store: a restart forgets nothing, and all processes count together.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.store import people as store
from affluent.store.database import Database

FREE = 5
_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=15)
_FORGOTTEN_AFTER = timedelta(hours=24)


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    if failures < FREE:
        return timedelta()
    doubled: int = 2 ** min(failures - FREE, 10)
    return min(_FIRST_WAIT * doubled, _LONGEST_WAIT)


class Throttle:
    """Counts failures per key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wait(self, *keys: str) -> timedelta:
        """How long until another try is heard; zero or less when now."""
        until = await self._database.read(lambda connection: store.longest_wait(connection, _hashed(keys)))
        return until - clock.now() if until else timedelta()

    async def failed(self, *keys: str) -> None:
        """Note a failure of these keys."""
        now = clock.now()

        def unit(connection: Connection) -> None:
            store.forget_failures_before(connection, now - _FORGOTTEN_AFTER)
            for key in _hashed(keys):
                count = store.count_failure(connection, key, now)
                store.wait_until(connection, key, now + wait_after(count))

        await self._database.write(unit)

    async def succeeded(self, *keys: str) -> None:
        """Forget the failures of these keys."""
        await self._database.write(lambda connection: store.forget_failures(connection, _hashed(keys)))


def _hashed(keys: tuple[str, ...]) -> list[str]:
    """People type passwords into the field of the address: what was typed is not kept."""
    return [hashlib.sha256(key.encode("utf-8", "replace")).hexdigest() for key in keys]
