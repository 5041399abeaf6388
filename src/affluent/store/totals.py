"""Totals over everything that was ever done; for a small database, as of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, func, select

from affluent.store import tables

F, R = tables.effects, tables.runs
_DONE = ("applied", "already_applied")


class TrackedSale(NamedTuple):
    """The effect of a tracked sale."""

    key: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much there is of everything."""

    events: int
    runs: int
    not_referred: int
    retries: int
    unsuccessful: int
    """Runs that neither succeeded nor were skipped."""
    applied: dict[str, int]
    """Effects that were applied, by action."""
    sales: tuple[TrackedSale, ...]


def totals(connection: Connection) -> Totals:
    """Count everything."""
    applied = select(F.c.action, func.count()).where(F.c.fate.in_(_DONE)).group_by(F.c.action)
    sales = select(F.c.key, F.c.amount_minor, F.c.currency).where(F.c.action == "track_sale", F.c.fate.in_(_DONE))
    return Totals(
        events=_number(connection, tables.events),
        runs=_number(connection, R),
        not_referred=_number(connection, R, R.c.state == "skipped", R.c.sentence.ilike("not referred%")),
        retries=_number(connection, tables.attempts, tables.attempts.c.outcome == "retry"),
        unsuccessful=_number(connection, R, R.c.state.not_in(("succeeded", "skipped"))),
        applied={row[0]: row[1] for row in connection.execute(applied)},
        sales=tuple(TrackedSale(*row) for row in connection.execute(sales)),
    )


def _number(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())
