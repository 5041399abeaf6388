"""Finding a run while somebody types: by ids through indexes, by words among the newest runs only, so it costs the same at any size."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, or_, select

from affluent.services.run_views import RunView, view
from affluent.store import runs as store
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.runs import RunFilter

NEWEST = 5_000
"""Runs whose titles are looked through; an older one is found by its id, its account, its event, or with Activity's filters."""
_LONGEST = 200


class RunSearch:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, text: str, *, limit: int = 5) -> list[RunView]:
        """Runs by their id, their event's or their account's; else by words of title or sentence. Newest first."""
        text = text.strip().replace("\x00", "")[:_LONGEST]
        if not text:
            return []
        rows = await self._database.read(lambda connection: _by_id(connection, text, limit))
        return [view(row) for row in rows or await self._database.read(lambda c: _by_words(c, text, limit))]


def _by_id(connection: Connection, text: str, limit: int) -> list[Row[Any]]:
    runs, events = tables.runs, tables.events
    if text.startswith("run_"):
        return list(store.find(connection, RunFilter(ids=(text,)), limit=limit))
    by_account = list(store.find(connection, RunFilter(account_id=text), limit=limit))
    if by_account or not text.startswith("evt_"):
        return by_account
    known = select(events.c.id).where(events.c.id == text)
    ids = [row[0] for row in connection.execute(select(runs.c.id).where(runs.c.event_id.in_(known)).limit(limit))]
    return list(store.find(connection, RunFilter(ids=tuple(ids)), limit=limit)) if ids else []


def _by_words(connection: Connection, text: str, limit: int) -> list[Row[Any]]:
    runs = tables.runs
    newest = select(runs.c.id, runs.c.title, runs.c.sentence).order_by(runs.c.id.desc()).limit(NEWEST).subquery()
    found = (
        select(newest.c.id)
        .where(or_(newest.c.title.icontains(text, autoescape=True), newest.c.sentence.icontains(text, autoescape=True)))
        .order_by(newest.c.id.desc())
        .limit(limit)
    )
    ids = tuple(row[0] for row in connection.execute(found))
    return list(store.find(connection, RunFilter(ids=ids), limit=limit)) if ids else []
