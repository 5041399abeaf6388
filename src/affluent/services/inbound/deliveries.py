"""Deliveries kept for diagnosis: how many refused ones, and how much of each. How long any is kept: retention.py."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

from sqlalchemy import Connection, text

from affluent.store.database import Database

LARGEST_REFUSED = 16_384
"""Bytes kept of a refused body; an accepted one is kept whole."""
_KEPT_REFUSED = 1000
"""Refused deliveries kept per hook; those of unknown addresses count as one hook."""
_BURST = 50
_PER_SECOND = 0.5
_MOST_HOOKS = 1000
_BATCH = 500
_BREATH_SECONDS = 0.05


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


async def drop_surplus(database: Database) -> int:
    """Delete refused deliveries that are too many, a little at a time; returns how many."""
    dropped = 0
    while count := await database.write(_surplus):
        dropped += count
        await asyncio.sleep(_BREATH_SECONDS)
    return dropped


def plain(value: str) -> str:
    """Text without the zero bytes that PostgreSQL refuses; they are shown as an escape."""
    return value.replace("\x00", "\\x00")


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
