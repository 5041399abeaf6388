"""One invoice of a statement with everything that was compared: found by any id, shown as a chain, named for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from affluent.domain.reconciliation.legs import lines as lines_of
from affluent.domain.reconciliation.statement import Kind
from affluent.kit.clock import from_micros
from affluent.sdk import App
from affluent.services.errors import NotFound
from affluent.services.reconciliation.rules import rules_of
from affluent.services.reconciliation.views import LineView, line, money_text
from affluent.store import snapshots as store
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.tables import billing as tables_billing
from affluent.store.tables import money

_ORDER = (Kind.INVOICE, Kind.REFUND, Kind.CLAIM, Kind.COMMISSION, Kind.RECEIPT, Kind.PAYMENT, Kind.PAYMENT_REFUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One record of somebody's books."""

    kind: str
    id: str
    app: str
    connection: str
    """The name of the connection whose books it is from; empty for our own."""
    amount: str
    basis: str
    """What the sale behind a commission came to; empty for everything else."""
    account_id: str
    status: str
    sentence: str
    run_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """Everything about one invoice."""

    invoice_id: str
    lines: tuple[LineView, ...]
    """Every comparison, matched ones too. Their numbers are those of the statement where they have one."""
    records: tuple[RecordView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What people call an invoice and its account; the ids where there is nothing better."""

    invoice: str
    account: str


class CaseFiles:
    """Use cases of single invoices. `apps` are those of the catalogue."""

    def __init__(self, database: Database, apps: Mapping[str, App]) -> None:
        self._database = database
        self._apps = {key: app for key, app in apps.items() if app.books is not None}

    async def find(self, statement_id: str, asked_for: str) -> str:
        """The invoice that an id or number belongs to: of an invoice, a sale, a commission or a payment; "" when none has it."""
        return await self._database.read(lambda connection: _find(connection, statement_id, asked_for.strip()))

    async def show(self, statement_id: str, invoice_id: str) -> CaseFile:
        """The whole case; raises NotFound."""
        return await self._database.read(lambda connection: self._show(connection, statement_id, invoice_id))

    async def names(self, statement_id: str, lines: Sequence[LineView]) -> dict[str, Names]:
        """Invoice id → names, of these lines."""
        return await self._database.read(lambda connection: _names(connection, statement_id, lines))

    def _show(self, connection: Connection, statement_id: str, invoice_id: str) -> CaseFile:
        statement = store.one(connection, statement_id)
        rows = store.of_case(connection, statement_id, invoice_id)
        if statement is None or not rows:
            raise NotFound(f"The statement {statement_id} has nothing about {invoice_id}.")
        rules = rules_of(connection, statement, self._apps)
        kept = {
            (row.leg, row.name, tuple(map(tuple, row.records))): row.number
            for row in _kept(connection, statement_id, invoice_id)
        }
        case_lines = lines_of(store.records(connection, statement_id, only=invoice_id), rules)
        views = tuple(line(item, kept.get((item.leg.value, item.name.value, item.records), 0)) for item in case_lines)
        of_snapshot = _sources(connection, statement_id)
        records = sorted(rows, key=lambda row: (_ORDER.index(Kind(row.kind)), row.at, row.id))
        return CaseFile(
            invoice_id=invoice_id,
            lines=views,
            records=tuple(_record(row, *of_snapshot[row.snapshot_id]) for row in records),
        )


def _kept(connection: Connection, statement_id: str, invoice_id: str) -> Sequence[Row[Any]]:
    lines = money.statement_lines
    query = select(lines).where(lines.c.case_id == invoice_id, lines.c.statement_id == statement_id)
    return connection.execute(query).all()


def _sources(connection: Connection, statement_id: str) -> dict[str, tuple[str, str]]:
    snapshots, connections = money.snapshots, tables.connections
    query = (
        select(snapshots.c.id, snapshots.c.app, connections.c.name)
        .join_from(snapshots, connections, connections.c.id == snapshots.c.connection_id, isouter=True)
        .where(snapshots.c.statement_id == statement_id)
    )
    return {row.id: (row.app, row.name or "") for row in connection.execute(query)}


def _record(row: Row[Any], app: str, connection: str) -> RecordView:
    basis = row.facts.get("basis")
    return RecordView(
        kind=row.kind,
        id=row.id,
        app=app,
        connection=connection,
        amount=money_text(row.amount, row.currency) if row.currency else "",
        basis=money_text(basis, row.facts.get("basis_currency") or row.currency) if isinstance(basis, int) else "",
        account_id=row.account_id,
        status=row.status,
        sentence=str(row.facts.get("sentence") or ""),
        run_id=str(row.facts.get("run_id") or ""),
        at=from_micros(row.at),
    )


def _find(connection: Connection, statement_id: str, asked_for: str) -> str:
    records, invoices = money.snapshot_records, tables_billing.invoices
    number = connection.execute(select(invoices.c.id).where(invoices.c.number == asked_for)).scalar()
    for known in filter(None, (asked_for, number)):
        same = records.c.statement_id == statement_id
        for column in (records.c.case_id, records.c.id):
            case_id = connection.execute(select(records.c.case_id).where(column == known, same).limit(1)).scalar()
            if case_id:
                return str(case_id)
    return ""


def _names(connection: Connection, statement_id: str, lines: Sequence[LineView]) -> dict[str, Names]:
    records, accounts = money.snapshot_records, tables_billing.accounts
    cases, owners = {item.invoice_id for item in lines}, {item.account_id for item in lines}
    query = select(records.c.case_id, records.c.facts).where(
        records.c.statement_id == statement_id, records.c.case_id.in_(cases), records.c.kind == Kind.INVOICE.value
    )
    numbers = {row.case_id: str(row.facts.get("number") or "") for row in connection.execute(query)}
    names = {
        row.id: row.name
        for row in connection.execute(select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(owners)))
    }
    return {
        item.invoice_id: Names(
            invoice=numbers.get(item.invoice_id) or item.invoice_id,
            account=names.get(item.account_id) or item.account_id,
        )
        for item in lines
    }
