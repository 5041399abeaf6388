"""The audit log as it is read: filtered, page by page, exported, and its chain worked out anew."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row

from affluent.kit.jsons import JSONValue, dumps
from affluent.kit.numbers import whole
from affluent.services.errors import NotFound
from affluent.services.paging import Page, bounded, page_of
from affluent.store.audit import log as store
from affluent.store.audit.log import AuditFilter, Verdict
from affluent.store.audit.recording import note
from affluent.store.audit.watched_tables import AUDITED
from affluent.store.database import Database

__all__ = ["Audit", "AuditFilter", "EntryView", "Verdict"]

NOUNS = tuple(sorted({audited.noun for audited in AUDITED.values()} | {"run", "sign-in", "master key", "audit log"}))
_BATCH = 1_000
_COLUMNS = (
    "number", "at", "actor_kind", "actor_id", "actor_name", "address", "action", "noun", "subject_id", "subject_name",
    "changes", "digest",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry: who did what to which thing, when, from where, and what it was before and is after."""

    number: int
    at: datetime
    actor_kind: str
    """person, token, command, visitor or system."""
    actor_id: str
    actor_name: str
    address: str
    action: str
    noun: str
    subject_id: str
    subject_name: str
    changes: dict[str, list[JSONValue]]
    """Field → before, after. Secrets are hidden."""
    digest: str
    """Of this entry and all before it."""

    @property
    def sentence(self) -> str:
        """In words, e.g. "Mira Kapoor changed connection Razorpay"."""
        who = self.actor_name or {"visitor": "Someone", "command": "A command"}.get(self.actor_kind, "Affluent")
        return f"{who} {self.action} {self.noun} {self.subject_name or self.subject_id}".rstrip()


class Audit:
    """Use cases of the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, query: AuditFilter, *, limit: int = 50, after: str = "") -> Page[EntryView]:
        """Entries, newest first; `after` is the number of the last one of the page before."""
        limit, before = bounded(limit), whole(after, digits=18) or 0
        rows = await self._database.read(lambda c: store.find(c, query, limit=limit + 1, before=before))
        return page_of(rows, limit, key=lambda row: str(row.number), view=_view)

    async def get(self, number: int) -> EntryView:
        """One entry; raises NotFound."""
        row = await self._database.read(lambda connection: store.one(connection, number))
        if row is None:
            raise NotFound(f"There is no entry {number} in the audit log.")
        return _view(row)

    async def verify(self) -> Verdict:
        """Whether every entry still follows from the one before it."""
        return await self._database.read(store.verify)

    async def has_digest(self, digest: str) -> bool:
        """Whether an entry has this digest."""
        return await self._database.read(lambda connection: store.has_digest(connection, digest))

    async def export(self, query: AuditFilter, *, as_json: bool = False) -> AsyncIterator[str]:
        """All entries that match, newest first, as CSV or as one JSON object a line; the export itself is noted."""
        await self._database.write(
            lambda c: note(c, "exported", "audit log", subject="", form="JSON" if as_json else "CSV")
        )
        if not as_json:
            yield _csv(_COLUMNS)
        before = 0
        while True:
            rows = await self._database.read(partial(store.find, filters=query, limit=_BATCH, before=before))
            for row in rows:
                values = {name: getattr(row, name) for name in _COLUMNS}
                yield (dumps(values) + "\n") if as_json else _csv(_cells(values))
            if len(rows) < _BATCH:
                return
            before = rows[-1].number


def _cells(values: dict[str, Any]) -> list[str]:
    return [
        value.isoformat() if isinstance(value, datetime) else dumps(value) if isinstance(value, dict) else str(value)
        for value in values.values()
    ]


def _csv(cells: tuple[str, ...] | list[str]) -> str:
    """A line; a cell that a spreadsheet would run as a formula is shown as the text it is."""
    text = io.StringIO()
    csv.writer(text).writerow(
        ["'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in cells]
    )
    return text.getvalue()


def _view(row: Row[Any]) -> EntryView:
    return EntryView(**{name: getattr(row, name) for name in _COLUMNS})
