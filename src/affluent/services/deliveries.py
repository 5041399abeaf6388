"""Deliveries kept for diagnosis: how many refused ones, how much of each, and for how long any."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta
from time import monotonic

from sqlalchemy import Connection, text

from affluent.kit import clock
from affluent.store.database import Database, Unit

LARGEST_REFUSED = 16_384
"""Bytes kept of a refused body; an accepted one is kept whole."""
_KEPT_REFUSED = 1000
"""Refused deliveries kept per hook; those of unknown addresses count as one hook."""
_BURST = 50
_PER_SECOND = 0.5
_MOST_HOOKS = 1000
_BATCH = 500
_BREATH_SECONDS = 0.05
_MOST_BATCHES = 200


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


class Retention:
    """Deletes what is kept long enough, a little at a time so that nobody waits for it."""

    def __init__(self, *, database: Database, keep: timedelta) -> None:
        self._database = database
        self.keep = keep
        """May be replaced when it was changed."""

    async def sweep(self) -> int:
        """Delete old deliveries and surplus refused ones; returns how many."""
        before = clock.to_micros(clock.now() - self.keep)
        deleted = await self._delete(lambda connection: connection.execute(_OLD, {"before": before}).rowcount)
        return deleted + await self._delete(_surplus)

    async def _delete(self, batch: Unit[int]) -> int:
        deleted = 0
        for _ in range(_MOST_BATCHES):
            count = await self._database.write(batch)
            deleted += count
            if count == 0:
                break
            await asyncio.sleep(_BREATH_SECONDS)
        return deleted


def plain(value: str) -> str:
    """Text without the zero bytes that PostgreSQL refuses; they are shown as an escape."""
    return value.replace("\x00", "\\x00")


_OLD = text(
    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE received_at < :before"
    f" ORDER BY received_at LIMIT {_BATCH})"
)
_CROWDED = text(
    "SELECT flow_connection_id FROM deliveries WHERE verdict <> 'accepted' GROUP BY flow_connection_id"
    f" HAVING count(*) > {_KEPT_REFUSED} LIMIT 1"
)
_SURPLUS = text(
    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE verdict <> 'accepted' AND flow_connection_id = :hook"
    f" AND id < (SELECT id FROM deliveries WHERE verdict <> 'accepted' AND flow_connection_id = :hook"
    f" ORDER BY id DESC LIMIT 1 OFFSET {_KEPT_REFUSED - 1}) ORDER BY id LIMIT {_BATCH})"
)


def _surplus(connection: Connection) -> int:
    hook = connection.execute(_CROWDED).scalar()
    return connection.execute(_SURPLUS, {"hook": hook}).rowcount if hook is not None else 0
