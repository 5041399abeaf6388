"""What retention takes, kind by kind: what is old enough among the next rows, and how it is taken.

A look reads and keeps nobody waiting, so it may walk over what stays; only taking, a few rows at a time, is a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause, text

from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.store import bulk, ledger

WINDOW = 2_000
"""Rows that one look walks over."""
FORGOTTEN = "{}"
_ENDED_WELL = "r.finished_at IS NOT NULL AND r.state IN ('succeeded', 'skipped', 'cancelled')"
_OPEN = "(r.finished_at IS NULL OR r.state IN ('failed', 'unknown'))"
_IN_DOUBT = "EXISTS (SELECT 1 FROM effects f WHERE f.run_id = r.id AND f.fate IN ('intended', 'unknown'))"
_EVENT_IS_SETTLED = f"NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_id = e.id AND ({_OPEN} OR {_IN_DOUBT}))"
_RUN_IS_SETTLED = f"{_ENDED_WELL} AND NOT {_IN_DOUBT}"
_MONEY = "x.account_id, x.occurred_at, x.amount_minor IS NOT NULL AS is_money"

Ids = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of what is kept for a while. `walk` names the ids that are walked over, `ripe` what may go among them."""

    name: str
    prefix: str
    """Of the ids; they sort by age."""
    walk: str
    ripe: str
    take: Callable[[Connection, Ids], int]
    """Take what may still go; how many rows that were."""


def look(connection: Connection, kind: Kind, *, after: str, before: str) -> tuple[Sequence[Any], str]:
    """What may go among the next rows (id, account, time, whether it is money), and where to go on; "" at the end."""
    span = {"after": after, "before": before}
    edge = connection.execute(
        text(f"SELECT id FROM ({kind.walk}) AS w ORDER BY id LIMIT 1 OFFSET {WINDOW - 1}"), span
    ).scalar()
    last = {"edge": edge or before}
    return connection.execute(text(f"{kind.ripe} ORDER BY 1"), span | last).all(), edge or ""


def _delete_deliveries(connection: Connection, ids: Ids) -> int:
    return connection.execute(*_of_ids(connection, "DELETE FROM deliveries WHERE id IN ", ids)).rowcount


def _delete_attempts(connection: Connection, ids: Ids) -> int:
    settled = _settled_runs(connection, ids)
    return connection.execute(*_of_ids(connection, "DELETE FROM attempts WHERE run_id IN ", settled)).rowcount


def _forget_runs(connection: Connection, ids: Ids) -> int:
    """Values and tries go; what was sent and answered by a write stays with its effect, and so does each outcome."""
    settled = _settled_runs(connection, ids)
    blank = "UPDATE step_runs SET input = NULL, output = NULL, condition = NULL WHERE run_id IN "
    connection.execute(*_of_ids(connection, blank, settled))
    connection.execute(*_of_ids(connection, "DELETE FROM attempts WHERE run_id IN ", settled))
    sql, values = _of_ids(connection, "UPDATE runs SET forgotten_at = :now WHERE id IN ", settled)
    return connection.execute(sql, values).rowcount


def _forget_events(connection: Connection, ids: Ids) -> int:
    """The payload goes; the id by which a repeat is recognised, the account and the amount stay."""
    _lock(connection, "events", ids)  # a replay locks its event too: one of the two comes first
    sql, values = _of_ids(
        connection,
        f"UPDATE events AS e SET payload = '{FORGOTTEN}', forgotten_at = :now"
        f" WHERE e.forgotten_at IS NULL AND {_EVENT_IS_SETTLED} AND e.id IN ",
        ids,
        f" RETURNING {', '.join(ledger.EVENT)}",
    )
    rows = [dict(row) for row in connection.execute(sql, values).mappings()]
    ledger.forgotten(connection, rows)
    return len(rows)


def _settled_runs(connection: Connection, ids: Ids) -> Ids:
    """Those that are settled still, and that nobody resumes until the transaction ends."""
    _lock(connection, "runs", ids)
    sql, values = _of_ids(connection, f"SELECT r.id FROM runs r WHERE {_RUN_IS_SETTLED} AND r.id IN ", ids)
    return connection.execute(sql, values).scalars().all()


def _lock(connection: Connection, table: str, ids: Ids) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(*_of_ids(connection, f"SELECT 1 FROM {table} WHERE id IN ", ids, " ORDER BY id FOR UPDATE"))


def _of_ids(connection: Connection, sql: str, ids: Ids, then: str = "") -> tuple[TextClause, dict[str, str | int]]:
    """The statement with its values: the ids, and the present time when it is asked for."""
    values: dict[str, str | int] = {"keys": dumps(list(ids))}
    if ":now" in sql:
        values["now"] = clock.to_micros(clock.now())
    return text(sql + bulk.each(connection.dialect.name) + then), values


def _span(column: str, end: str) -> str:
    return f"{column} > :after AND {column} {end}"


DELIVERIES = Kind(
    name="deliveries",
    prefix="dlv",
    walk=f"SELECT id FROM deliveries WHERE {_span('id', '< :before')}",
    ripe="SELECT d.id, '' AS account_id, 0 AS occurred_at, false AS is_money FROM deliveries d"
    f" WHERE {_span('d.id', '< :before')} AND d.id <= :edge"
    f" AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_id = d.event_id AND {_OPEN})",
    take=_delete_deliveries,
)
ATTEMPTS = Kind(
    name="attempts",
    prefix="run",
    walk=f"SELECT DISTINCT run_id AS id FROM attempts WHERE {_span('run_id', '< :before')}",
    ripe=f"SELECT r.id, {_MONEY} FROM runs r JOIN events x ON x.id = r.event_id"
    f" WHERE {_span('r.id', '< :before')} AND r.id <= :edge AND {_RUN_IS_SETTLED}"
    " AND EXISTS (SELECT 1 FROM attempts a WHERE a.run_id = r.id)",
    take=_delete_attempts,
)
RUNS = Kind(
    name="runs",
    prefix="run",
    walk=f"SELECT id FROM runs WHERE {_span('id', '< :before')}",
    ripe=f"SELECT r.id, {_MONEY} FROM runs r JOIN events x ON x.id = r.event_id"
    f" WHERE {_span('r.id', '< :before')} AND r.id <= :edge AND r.forgotten_at IS NULL AND {_RUN_IS_SETTLED}",
    take=_forget_runs,
)
EVENTS = Kind(
    name="events",
    prefix="evt",
    walk=f"SELECT id FROM events WHERE {_span('id', '< :before')}",
    ripe="SELECT e.id, e.account_id, e.occurred_at, e.amount_minor IS NOT NULL AS is_money FROM events e"
    f" WHERE {_span('e.id', '< :before')} AND e.id <= :edge AND e.forgotten_at IS NULL AND {_EVENT_IS_SETTLED}",
    take=_forget_events,
)
