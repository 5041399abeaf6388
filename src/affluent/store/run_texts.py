"""Runs found by a text: what an id leads to at any age, and words of titles and sentences, a stretch of runs at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, not_, or_, select, union_all

from affluent.store import tables
from affluent.store.tables import billing

R, E = tables.runs, tables.events
STRETCH = 25_000
"""Runs that one look reads, newest first; the next look goes on where it stopped."""
_FARTHEST = 5_000
"""Events or accounts that one id leads to, at most: each is a value of the query, and SQLite takes 32,766."""
_IDS_SHOWN = "~"
"""At the end of a cursor: what the text leads to as an id has been listed already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found: ids of runs, newest first, where to go on, and how far it has read."""

    ids: tuple[str, ...]
    next: str
    stopped_at: datetime | None
    """When the oldest run that was read began, if older ones have not been read."""


def words(search: str) -> ColumnElement[bool]:
    """The condition that title or sentence holds the text. In small letters on both sides: ILIKE takes half as long again."""
    part = func.lower("%" + search.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%")
    return or_(*(func.lower(column).like(part, escape="/") for column in (R.c.title, R.c.sentence)))


def led_to(connection: Connection, search: str) -> list[ColumnElement[bool]]:
    """What is true of a run that a text leads to as an id of a run, event, account, customer, invoice or of any system.

    Each is one look into an index. Events and accounts are looked up first, so that PostgreSQL plans for the few that there are:
    by its guess it read all runs.
    """
    accounts, aliases, invoices, known = billing.accounts, billing.account_aliases, billing.invoices, tables.identities

    def ids(*queries: Select[Any]) -> Sequence[str]:
        return connection.execute(union_all(*queries).limit(_FARTHEST)).scalars().all()

    sources = select(tables.flow_connections.c.trigger_source)
    events = ids(select(E.c.id).where(E.c.source.in_(sources), E.c.external_id == search))
    owners = ids(
        select(accounts.c.id).where(accounts.c.customer_id == search),
        select(aliases.c.account_id).where(aliases.c.value == search),
        select(known.c.account_id).where(known.c.external_id == search),
    )
    billed = ids(select(invoices.c.account_id).where(or_(invoices.c.id == search, invoices.c.number == search)))
    ways = [R.c.id == search, R.c.event_id.in_([search, *events]), R.c.account_id.in_([search, *owners])]
    if billed:
        ways.append(R.c.account_id.in_(billed) & words(search))
    return ways


def look(
    connection: Connection, text: str, matching: Select[Any], newest_first: Sequence[Any], *, limit: int, cursor: str
) -> Found:
    """One look through the runs of `matching`, a query of ids, in the order `newest_first`."""
    before, ids_shown = cursor.removesuffix(_IDS_SHOWN), cursor.endswith(_IDS_SHOWN)
    rest = matching.where(R.c.id < before) if before else matching
    edge = connection.execute(
        rest.add_columns(R.c.created_at).order_by(*newest_first).offset(STRETCH - 1).limit(1)
    ).one_or_none()
    stretch = rest.where(R.c.id >= edge.id) if edge else rest
    by_words, ways = stretch.where(words(text)), led_to(connection, text)
    if ids_shown:
        by_words = by_words.where(not_(or_(*ways)))
    run_ids = {row.id for row in connection.execute(by_words.order_by(*newest_first).limit(limit + 1))}
    if not ids_shown:
        newest = (rest.where(way).order_by(R.c.id.desc()).limit(limit + 1).subquery() for way in ways)
        run_ids |= set(connection.execute(union_all(*(select(each.c.id) for each in newest))).scalars())
    ids = sorted(run_ids, reverse=True)
    if len(ids) > limit:
        return Found(ids=tuple(ids[:limit]), next=ids[limit - 1] + (_IDS_SHOWN if ids_shown else ""), stopped_at=None)
    if edge is None:
        return Found(ids=tuple(ids), next="", stopped_at=None)
    return Found(ids=tuple(ids), next=edge.id + _IDS_SHOWN, stopped_at=edge.created_at)
