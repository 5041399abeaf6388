"""What was synced for an account: its last run, who else knows it, and everything that happened, as one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from affluent.services.paging import Page, bounded, page_of
from affluent.services.runs.events import EventView, event_view
from affluent.services.runs.views import RunView, view
from affluent.store import runs as run_store
from affluent.store import tables
from affluent.store.database import Database

E, K, R = tables.events, tables.identities, tables.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How an account stands with the other systems."""

    apps: tuple[str, ...] = ()
    """Keys of the apps that know it."""
    run_id: str = ""
    state: str = ""
    """Of its newest run; empty when there is none."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event of an account with the runs that it started."""

    event: EventView
    runs: tuple[RunView, ...]


class Syncs:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_accounts(self, account_ids: Sequence[str]) -> dict[str, Sync]:
        """How each of these accounts stands."""
        return await self._database.read(lambda connection: _stand(connection, account_ids))

    async def timeline(self, account_id: str, *, limit: int = 25, before: str = "") -> Page[Happening]:
        """Events of an account with their runs, newest first, older than the event `before`."""
        limit = bounded(limit)
        query = select(E).where(E.c.account_id == account_id).order_by(E.c.id.desc()).limit(limit + 1)
        if before:
            query = query.where(E.c.id < before)

        def unit(connection: Connection) -> Page[Happening]:
            def happening(row: Row[Any]) -> Happening:
                runs = run_store.runs_of_event(connection, row.id)
                return Happening(event=event_view(row), runs=tuple(view(run) for run in runs))

            rows = connection.execute(query).all()
            return page_of(rows, limit, key=lambda row: str(row.id), view=happening)

        return await self._database.read(unit)


def _stand(connection: Connection, account_ids: Sequence[str]) -> dict[str, Sync]:
    known = select(K.c.account_id, K.c.app).where(K.c.account_id.in_(account_ids)).distinct().order_by(K.c.app)
    apps: dict[str, list[str]] = {account_id: [] for account_id in account_ids}
    for account_id, app in connection.execute(known):
        apps[account_id].append(app)
    syncs: dict[str, Sync] = {}
    for account_id in account_ids:
        newest = select(R.c.id, R.c.state, R.c.created_at).where(R.c.account_id == account_id)
        run = connection.execute(newest.order_by(R.c.id.desc()).limit(1)).one_or_none()
        ids = tuple(apps[account_id])
        syncs[account_id] = (
            Sync(apps=ids, run_id=run.id, state=run.state, at=run.created_at) if run is not None else Sync(apps=ids)
        )
    return syncs
