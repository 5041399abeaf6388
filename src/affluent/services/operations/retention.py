"""Takes what was kept long enough, kind by kind, a little at a time so that nobody waits for it.

What is unfinished, failed, unknown or not yet reconciled stays whatever its age. Taken are requests, answers, values and
payloads; every event, run, effect and row of the ledger stays: they recognise repeats and prove what was paid.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection

from affluent.kit import clock, metrics
from affluent.kit.ids import first_id
from affluent.store import retention as store
from affluent.store import snapshots
from affluent.store.database import Database

_BATCH = 200
_SHORTEST_REST = 0.05
_REST = 99
"""So a hundredth of the time is work, which still takes millions of rows a day. When the engine is busy, work waits longer, and
so it rests longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreconciled:
    """What finance is not through with. Until the first statement there is nothing to wait for."""

    statements: Sequence[snapshots.Covering]
    """Those that are done, newest first."""

    def holds(self, row: Any) -> bool:  # noqa: ANN401 - a row of store.look
        """Whether it is money of a time without a statement, or of an account with an open line in the newest one."""
        if not row.is_money or not self.statements:
            return False
        newest = next(
            (statement for statement in self.statements if statement.begins <= row.occurred_at < statement.ends), None
        )
        return newest is None or row.account_id in newest.open_accounts


async def forget(database: Database, kind: store.Kind, keep: timedelta) -> int:
    """Take what is older; returns how many rows. The walk goes once from the oldest id to the youngest that is old."""
    unreconciled = Unreconciled(statements=await database.read(snapshots.covering))
    before, after, taken = first_id(kind.prefix, clock.now() - keep), "", 0
    while True:

        def look(connection: Connection, after: str = after) -> tuple[Sequence[Any], str]:
            return store.look(connection, kind, after=after, before=before)

        began = monotonic()
        rows, after = await database.read(look)
        await _rest(began)
        ids = [row.id for row in rows if not unreconciled.holds(row)]
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]

            def take(connection: Connection, batch: Sequence[str] = batch) -> int:
                return kind.take(connection, batch)

            began = monotonic()
            taken += await database.write(take)
            await _rest(began)
        if not after:
            break
    metrics.forgotten.labels(kind.name).inc(taken)
    return taken


async def _rest(began: float) -> None:
    await sleep(max(_SHORTEST_REST, _REST * (monotonic() - began)))
