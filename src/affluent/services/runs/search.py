"""Finding a run while somebody types: by ids through indexes, by words among the newest runs, so it costs the same at any size."""

from __future__ import annotations

from dataclasses import dataclass

from affluent.services.runs.views import RunView, view
from affluent.store import runs as store
from affluent.store.database import Database
from affluent.store.runs import RunFilter

_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """The newest runs that were found."""

    runs: tuple[RunView, ...] = ()
    more: bool = False
    """There may be more: further ones were found, or older runs have not been read."""


class RunSearch:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, text: str, *, limit: int = 5) -> Hits:
        """Runs that the text leads to as an id, and those with its words in title or sentence. Newest first."""
        text = text.strip().replace("\x00", "")[:_LONGEST]
        if not text:
            return Hits()
        rows, end = await self._database.read(lambda c: store.look(c, RunFilter(text=text), limit=limit))
        return Hits(runs=tuple(view(row) for row in rows), more=bool(end.next))
