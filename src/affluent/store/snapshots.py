"""Statements with their snapshots: pages kept as they come, read back case by case, hashed so that a change is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, text, update

from affluent.domain.reconciliation.statement import Kind, Line, Record
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, canonical, stored
from affluent.kit.numbers import LARGEST_INTEGER
from affluent.store import bulk, ledger
from affluent.store.tables import money as tables

S, N, R, L = tables.statements, tables.snapshots, tables.snapshot_records, tables.statement_lines
LEASE = timedelta(minutes=3)
_RECORD = [column.name for column in R.columns]
_LINE = [column.name for column in L.columns]
_HASHED = "kind, id, about, account_id, amount, currency, at, status, facts"


def begin(connection: Connection, values: dict[str, Any], sources: Sequence[dict[str, Any]]) -> str | None:
    """A new statement with one empty snapshot per source; None when its name is taken."""
    now, statement_id = clock.now(), new_id("stm")
    name = values.get("name")
    if name and connection.execute(select(S.c.id).where(S.c.name == name)).first():
        return None
    blank = {"phase": "reading", "sentence": "", "digest": "", "lease": 0, "locked_by": "", "created_at": now}
    connection.execute(insert(S).values(id=statement_id, **blank, **values))
    for source in sources:
        add_snapshot(connection, statement_id, source)
    return statement_id


def add_snapshot(connection: Connection, statement_id: str, source: dict[str, Any]) -> str:
    """An empty snapshot."""
    now, snapshot_id = clock.now(), new_id("snp")
    blank = {
        "phase": "reading",
        "pages": 0,
        "records": 0,
        "digest": "",
        "sentence": "",
        "taken_at": now,
        "updated_at": now,
    }
    connection.execute(insert(N).values(id=snapshot_id, statement_id=statement_id, **{**blank, **source}))
    return snapshot_id


def one(connection: Connection, statement_id: str) -> Row[Any] | None:
    """A statement."""
    return connection.execute(select(S).where(S.c.id == statement_id)).one_or_none()


def found(connection: Connection, *, limit: int, before: str = "") -> Sequence[Row[Any]]:
    """Statements, newest first."""
    query = select(S).order_by(S.c.id.desc()).limit(limit)
    return connection.execute(query.where(S.c.id < before) if before else query).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """The period of a statement that is done, in microseconds, and the accounts of its lines that are open."""

    begins: int
    ends: int
    open_accounts: frozenset[str]


def covering(connection: Connection) -> Sequence[Covering]:
    """The statements that are done, newest first; without those whose whole period a newer one has."""
    statements: list[Covering] = []
    periods = select(S.c.id, S.c.period_start, S.c.period_end).where(S.c.phase == "done").order_by(S.c.id.desc())
    for row in connection.execute(periods).all():
        begins, ends = clock.to_micros(row.period_start), clock.to_micros(row.period_end)
        if not any(statement.begins <= begins and ends <= statement.ends for statement in statements):
            accounts = select(L.c.account_id).where(L.c.statement_id == row.id, L.c.open != 0).distinct()
            open_accounts = frozenset(connection.execute(accounts).scalars())
            statements.append(Covering(begins=begins, ends=ends, open_accounts=open_accounts))
    return statements


def locked_over(connection: Connection, start: Any, end: Any) -> Row[Any] | None:  # noqa: ANN401 - instants
    """A locked statement whose period touches this one."""
    touches = (S.c.period_start < end) & (S.c.period_end > start)
    return connection.execute(select(S).where(S.c.locked_at.is_not(None), touches).limit(1)).one_or_none()


def change(connection: Connection, statement_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of the row
    """Change a statement."""
    connection.execute(update(S).where(S.c.id == statement_id).values(**values))


def take(connection: Connection, statement_id: str) -> int | None:
    """Take a statement that is not done; the lease, or None when somebody has it."""
    now = clock.now()
    free = or_(S.c.leased_until.is_(None), S.c.leased_until < now)
    row = connection.execute(
        update(S)
        .where(S.c.id == statement_id, S.c.phase.in_(("reading", "comparing")), free)
        .values(lease=S.c.lease + 1, leased_until=now + LEASE)
        .returning(S.c.lease)
    ).one_or_none()
    return row.lease if row else None


def unfinished(connection: Connection) -> Sequence[str]:
    """Statements that nobody is at."""
    free = or_(S.c.leased_until.is_(None), S.c.leased_until < clock.now())
    return connection.execute(select(S.c.id).where(S.c.phase.in_(("reading", "comparing")), free)).scalars().all()


def holds(connection: Connection, statement_id: str, lease: int) -> bool:
    """Renew the lease; False: somebody else has it now."""
    query = update(S).where(S.c.id == statement_id, S.c.lease == lease).values(leased_until=clock.now() + LEASE)
    return bool(connection.execute(query).rowcount)


def snapshots_of(connection: Connection, statement_id: str) -> Sequence[Row[Any]]:
    """Its snapshots."""
    return connection.execute(select(N).where(N.c.statement_id == statement_id).order_by(N.c.id)).all()


def journal_of(connection: Connection, statement_id: str, source: dict[str, Any]) -> Row[Any]:
    """The snapshot of our own journal, which is made when it is missing."""
    query = select(N).where(N.c.statement_id == statement_id, N.c.app == source["app"])
    known = connection.execute(query).one_or_none()
    if known is not None:
        return known
    add_snapshot(connection, statement_id, source)
    return connection.execute(query).one()


def keep(connection: Connection, snapshot: Row[Any], rows: Sequence[bulk.Row], cursor: Any, *, more: bool) -> None:  # noqa: ANN401 - the app's own cursor
    """Keep a page and where to go on, together. A record that is there already stays as it is."""
    common = {"snapshot_id": snapshot.id, "statement_id": snapshot.statement_id}
    last = {(row["kind"], row["id"]): {**row, **common} for row in reversed(rows)}
    new = bulk.insert(
        connection,
        R,
        list(last.values()),
        columns=_RECORD,
        unique=("snapshot_id", "kind", "id"),
        returning=("id",),
    )
    values = {
        "phase": "reading" if more else "complete",
        "cursor": cursor,
        "pages": N.c.pages + 1,
        "records": N.c.records + len(new),
        "digest": "" if more else digest_of(connection, snapshot.id),
    }
    if not more:
        ledger.taken(connection, snapshot.id, str(values["digest"]))
    connection.execute(update(N).where(N.c.id == snapshot.id).values(**values, updated_at=clock.now(), sentence=""))


def digest_of(connection: Connection, snapshot_id: str) -> str:
    """What the records of a snapshot hash to now."""
    sql = text(f"SELECT {_HASHED} FROM snapshot_records WHERE snapshot_id = :id ORDER BY {_ordered(connection)}")
    sha = hashlib.sha256(snapshot_id.encode())
    for row in _streamed(connection, sql, {"id": snapshot_id}):
        sha.update(canonical(list(row)))
        sha.update(b"\n")
    return sha.hexdigest()


def link(connection: Connection, statement_id: str) -> None:
    """Put what is about a refund or a payment, or was told as a part of an invoice, into the case of that invoice."""
    at = "instr(r.about, ':')" if connection.dialect.name == "sqlite" else "strpos(r.about, ':')"
    invoice = f"substr(r.about, 1, {at} - 1)"  # the keys of parts are made of the invoice's id
    connection.execute(
        text(
            f"UPDATE snapshot_records AS r SET case_id = {invoice} WHERE r.statement_id = :id AND r.kind = 'commission'"
            f" AND {at} > 1 AND EXISTS (SELECT 1 FROM snapshot_records i WHERE i.statement_id = :id AND i.kind = 'invoice'"
            f" AND i.id = {invoice})"
        ),
        {"id": statement_id},
    )
    target = (
        "SELECT t.about FROM snapshot_records t WHERE t.id = snapshot_records.about AND t.statement_id = :id"
        " AND t.kind IN ('refund', 'payment') AND t.about <> t.id LIMIT 1"
    )
    connection.execute(
        text(
            f"UPDATE snapshot_records SET case_id = COALESCE(({target}), case_id)"
            " WHERE statement_id = :id AND kind IN ('commission', 'payment_refund')"
            " AND NOT EXISTS (SELECT 1 FROM snapshot_records i WHERE i.statement_id = :id AND i.id = snapshot_records.about"
            " AND i.kind = 'invoice')"
        ),
        {"id": statement_id},
    )


def keys(connection: Connection, statement_id: str, kinds: Sequence[str], *, after: str, limit: int) -> Sequence[Any]:
    """(id, kind, case_id, about, account_id) of records, by id."""
    columns = (R.c.id, R.c.kind, R.c.case_id, R.c.about, R.c.account_id)
    query = select(*columns).where(R.c.statement_id == statement_id, R.c.kind.in_(kinds), R.c.id > after)
    return connection.execute(query.order_by(R.c.id).limit(limit)).all()


def without_invoice(connection: Connection, statement_id: str) -> Sequence[str]:
    """Cases that hold no invoice."""
    sql = text(
        "SELECT DISTINCT r.case_id FROM snapshot_records r WHERE r.statement_id = :id AND NOT EXISTS (SELECT 1 FROM"
        " snapshot_records i WHERE i.statement_id = :id AND i.case_id = r.case_id AND i.kind = 'invoice')"
    )
    return [row[0] for row in connection.execute(sql, {"id": statement_id})]


def home_currency(connection: Connection, statement_id: str) -> str:
    """The currency that a tracker does not name, because it is its own: that of most invoices whose sale names none."""
    sql = text(
        "SELECT i.currency FROM snapshot_records c JOIN snapshot_records i ON i.statement_id = c.statement_id"
        " AND i.case_id = c.case_id AND i.kind = 'invoice' WHERE c.statement_id = :id AND c.kind = 'commission'"
        ' AND c.facts LIKE \'%"basis_currency":""%\' GROUP BY i.currency ORDER BY COUNT(*) DESC, i.currency LIMIT 1'
    )
    return str(connection.execute(sql, {"id": statement_id}).scalar() or "")


def records(connection: Connection, statement_id: str, *, after: str = "", only: str = "") -> Iterator[Record]:
    """Every record, or those of one case; case by case, streamed."""
    home = home_currency(connection, statement_id)
    sql = text(
        "SELECT kind, id, case_id, account_id, amount, currency, at, status, facts FROM snapshot_records"
        f" WHERE statement_id = :id AND case_id {'= :case' if only else '> :after'} ORDER BY case_id"
    )
    kinds = {kind.value: kind for kind in Kind}
    for kind, id_, case_id, account_id, amount, currency, at, status, packed in _streamed(
        connection, sql, {"id": statement_id, **({"case": only} if only else {"after": after})}
    ):
        facts = stored(packed)
        if kind == "commission" and not currency:
            currency = _commission_currency(facts, home)  # noqa: PLW2901 - what the tracker does not name
            if facts.get("basis_currency") == "":
                facts["basis_currency"] = home
        yield Record(kinds[kind], id_, case_id, account_id, amount, currency, at, status, facts)


def _commission_currency(facts: JSONObject, home: str) -> str:
    """The tracker's own currency, else the sale's when nothing was converted, else ISO 4217's code for none."""
    return home or ("" if facts.get("was_converted") else str(facts.get("basis_currency") or "")) or "XXX"


def write_lines(connection: Connection, statement_id: str, lines: Sequence[Line]) -> None:
    """Replace the lines of a statement."""
    connection.execute(delete(L).where(L.c.statement_id == statement_id))
    for start in range(0, len(lines), 5_000):
        rows = [
            {
                **line._asdict(),
                "statement_id": statement_id,
                "number": number,
                "records": [list(pair) for pair in line.records],
                "foreign_currency": line.foreign[0] if line.foreign else None,
                "foreign_amount": line.foreign[1] if line.foreign else None,
            }
            for number, line in enumerate(lines[start : start + 5_000], start=start + 1)
        ]
        bulk.insert(connection, L, rows, columns=_LINE)


def lines(
    connection: Connection,
    statement_id: str,
    *,
    names: Sequence[str] = (),
    leg: str = "",
    currency: str = "",
    limit: int,
    after: int = 0,
) -> Sequence[Row[Any]]:
    """Lines of a statement, those that are matched aside."""
    query = select(L).where(L.c.statement_id == statement_id, L.c.number > after).order_by(L.c.number).limit(limit)
    if names:
        query = query.where(L.c.name.in_(names))
    if leg:
        query = query.where(L.c.leg == leg)
    if currency:
        query = query.where(L.c.currency == currency)
    return connection.execute(query).all()


def line(connection: Connection, statement_id: str, number: int) -> Row[Any] | None:
    """One line."""
    if not 0 <= number <= LARGEST_INTEGER:
        return None
    return connection.execute(select(L).where(L.c.statement_id == statement_id, L.c.number == number)).one_or_none()


def of_case(connection: Connection, statement_id: str, case_id: str) -> Sequence[Row[Any]]:
    """The records of one case."""
    return connection.execute(select(R).where(R.c.statement_id == statement_id, R.c.case_id == case_id)).all()


def _ordered(connection: Connection) -> str:
    return 'kind COLLATE "C", id COLLATE "C"' if connection.dialect.name == "postgresql" else "kind, id"


def _streamed(connection: Connection, sql: Any, values: dict[str, Any]) -> Iterator[Any]:  # noqa: ANN401 - a statement
    yield from connection.execute(sql, values, execution_options={"stream_results": True, "max_row_buffer": 1_000})
