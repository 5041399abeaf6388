"""Afterwards: what was accepted, what the vendor has, what the runs say; and whether they agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from affluent.store import tables
from affluent.store.database import StoreUnavailable
from affluent.store.open import open_database
from tests.chaos.plant import Plant

UNFINISHED = ("queued", "running", "waiting", "paused")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The two sides, counted."""

    deaths: int
    accepted: int
    applied: int
    lost: int
    doubled: int
    recognised: int
    disordered: int
    runs: dict[str, int]
    in_doubt: int

    def sentence(self, title: str) -> str:
        """In one line."""
        return (
            f"{title}: {self.deaths} deaths, {self.accepted} events accepted, {self.applied} applied, {self.lost} lost,"
            f" {self.doubled} doubled, {self.recognised} repeats recognised by the vendor, {self.disordered} out of order,"
            f" runs {self.runs}, {self.in_doubt} effects in doubt"
        )

    def agree(self, *, ordered: bool = True) -> None:
        """Nothing lost, nothing doubled, nothing stuck, nothing left open, every event's run succeeded."""
        assert (self.lost, self.doubled, self.in_doubt) == (0, 0, 0), self
        assert not ordered or self.disordered == 0, self
        assert self.runs == {"succeeded": self.accepted}, self
        assert self.applied == self.accepted, self


async def settled(plant: Plant, seconds: float = 90, *, hurry: bool = False) -> None:
    """Wait until no run is unfinished; a stuck run fails here. `hurry`: resume in bulk what waits for its next try."""
    database = open_database(plant.database_url, plant.settings().sqlite_path())
    await database.open()
    try:
        async with asyncio.timeout(seconds):
            while await _unfinished(database):
                if hurry:
                    await plant.hurry()
                await asyncio.sleep(1 if hurry else 0.1)
    except TimeoutError:
        stuck = await database.read(lambda connection: connection.execute(_STUCK).all())
        raise AssertionError(f"stuck after {seconds} s: {[tuple(row) for row in stuck]}") from None
    finally:
        await database.close()


_STUCK = (
    select(
        *(tables.runs.c[name] for name in ("id", "state", "ready", "position", "tries", "lease", "due_at", "sentence"))
    )
    .where(tables.runs.c.finished_at.is_(None))
    .limit(10)
)


async def _unfinished(database) -> bool:
    query = select(tables.runs.c.id).where(tables.runs.c.finished_at.is_(None)).limit(1)
    try:
        return await database.read(lambda connection: connection.execute(query).first()) is not None
    except StoreUnavailable:
        return True


async def count(plant: Plant) -> Counts:
    """Compare the books."""
    database = open_database(plant.database_url, plant.settings().sqlite_path())
    await database.open()
    runs, in_doubt = await database.read(_read)
    await database.close()
    accepted = [event_id for ids in plant.accepted.values() for event_id in ids]
    books = (plant.sink.lines, plant.sink.entries)
    return Counts(
        deaths=plant.deaths,
        accepted=len(accepted),
        applied=sum(all(book[event_id] for book in books) for event_id in accepted),
        lost=sum(not book[event_id] for event_id in accepted for book in books),
        doubled=sum(times - 1 for book in books for times in book.values() if times > 1),
        recognised=plant.sink.repeats,
        disordered=sum(
            _first_times(plant.sink.order.get(account, [])) != ids for account, ids in plant.accepted.items()
        ),
        runs=runs,
        in_doubt=in_doubt,
    )


def _first_times(ids: list[str]) -> list[str]:
    return list(Counter(ids))


def _read(connection: Connection) -> tuple[dict[str, int], int]:
    runs, effects = tables.runs, tables.effects
    by_state = connection.execute(select(runs.c.state, func.count()).group_by(runs.c.state))
    open_effects = select(func.count()).where(effects.c.fate.in_(("intended", "unknown")))
    return {row[0]: row[1] for row in by_state}, connection.execute(open_effects).scalar_one()
