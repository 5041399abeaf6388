"""Forgets the requests and answers of runs that ended well, a little at a time.

Runs, events, effects and the ledger stay: they recognise repeats and prove what was paid. What failed or is unknown keeps
its answers until somebody has settled it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import Connection, text

from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.store.database import Database

_BATCH = 500
_MOST_BATCHES = 200
_BREATH_SECONDS = 0.05
_NEXT = text(
    f"SELECT DISTINCT run_id FROM attempts WHERE run_id > :after AND run_id < :before ORDER BY run_id LIMIT {_BATCH}"
)
_DELETE = text(
    "DELETE FROM attempts WHERE run_id > :after AND run_id <= :last AND run_id IN"
    " (SELECT id FROM runs WHERE id > :after AND id <= :last AND finished_at IS NOT NULL"
    " AND state IN ('succeeded', 'skipped', 'cancelled'))"
)


async def forget_answers(database: Database, keep: timedelta) -> int:
    """Delete old attempts; returns how many. Runs are walked in the order of their ids, each looked at once."""
    before, after, deleted = first_id("run", clock.now() - keep), "", 0
    for _ in range(_MOST_BATCHES):

        def batch(connection: Connection, after: str = after) -> tuple[str, int]:
            ids = [row[0] for row in connection.execute(_NEXT, {"after": after, "before": before})]
            if not ids:
                return "", 0
            return ids[-1], connection.execute(_DELETE, {"after": after, "last": ids[-1]}).rowcount

        after, count = await database.write(batch)
        deleted += count
        if not after:
            break
        await asyncio.sleep(_BREATH_SECONDS)
    return deleted
