"""What was synced for an account: its last run, who else knows it, and everything that happened, as one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from affluent.services.paging import Page, bounded, page_of
from affluent.services.runs.events import EventView, event_view
from affluent.services.runs.views import RunView, view
from affluent.store import events as event_store
from affluent.store import identities as identity_store
from affluent.store import runs as run_store
from affluent.store.database import Database


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
        return await self._database.read(lambda connection: _syncs(connection, account_ids))

    async def timeline(self, account_id: str, *, limit: int = 25, before: str = "") -> Page[Happening]:
        """Events of an account with their runs, newest first, older than the event `before`."""
        limit = bounded(limit)

        def unit(connection: Connection) -> Page[Happening]:
            def happening(row: Row[Any]) -> Happening:
                runs = run_store.runs_of_event(connection, row.id)
                return Happening(event=event_view(row), runs=tuple(view(run) for run in runs))

            rows = event_store.find(connection, account_id=account_id, limit=limit + 1, before=before)
            return page_of(rows, limit, key=lambda row: str(row.id), view=happening)

        return await self._database.read(unit)


def _syncs(connection: Connection, account_ids: Sequence[str]) -> dict[str, Sync]:
    apps = identity_store.apps_of(connection, account_ids)
    syncs: dict[str, Sync] = {}
    for account_id in account_ids:
        run = run_store.newest_of_account(connection, account_id)
        ids = tuple(apps[account_id])
        syncs[account_id] = (
            Sync(apps=ids, run_id=run.id, state=run.state, at=run.created_at) if run is not None else Sync(apps=ids)
        )
    return syncs
