"""Customers and accounts of other systems, as they were last seen: put, read by pages, forgotten with their connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, or_, select, tuple_

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.sdk import SyncedRecord
from affluent.store import bulk, tables
from affluent.store.tables import billing as tables_billing
from affluent.store.tables.inbound import mirrored_accounts as A  # noqa: N812 - short for a table, as in the other repositories
from affluent.store.tables.inbound import mirrored_customers as C  # noqa: N812 - as above

PREFIX = "mir"
_LONGEST = 200
_CUSTOMER = ("name", "email", "status")
_ACCOUNT = ("customer_id", "name", "email", "currency", "status")


def reflect(connection: Connection, connection_id: str, records: Sequence[SyncedRecord]) -> None:
    """Put what was just seen at a connection. What is not said stays as it was; a repeat changes nothing but the time."""
    accounts = _merged(record for record in records if record.kind == "account")
    owners = (SyncedRecord(kind="customer", id=account.customer_id) for account in accounts.values())
    customers = (record for record in records if record.kind == "customer")
    _put(connection, C, connection_id, _merged([*owners, *customers]), _CUSTOMER)
    _put(connection, A, connection_id, accounts, _ACCOUNT)


def forget(connection: Connection, connection_id: str) -> None:
    """The connection is gone, or leads elsewhere now."""
    for table in (A, C):
        connection.execute(delete(table).where(table.c.connection_id == connection_id))


def customers(connection: Connection, *, search: str, limit: int, after: str) -> Sequence[Row[Any]]:
    """Customers with the name of their connection, newest first, one more than `limit`; those of this workspace aside.

    `search`: part of id, name or e-mail of a customer or of one of its accounts. `after`: a key.
    """
    query = _customers().where(~_is_own()).order_by(C.c.key.desc()).limit(limit + 1)
    if search:
        query = query.where(_found_by(search))
    if after:
        query = query.where(C.c.key < after)
    return connection.execute(query).all()


def customer(connection: Connection, customer_id: str, connection_id: str = "") -> Row[Any] | None:
    """A customer of a connection, or of the one that saw it last."""
    query = _customers().where(C.c.id == customer_id).order_by(C.c.seen_at.desc()).limit(1)
    return connection.execute(query.where(C.c.connection_id == connection_id) if connection_id else query).one_or_none()


def account(connection: Connection, account_id: str, connection_id: str = "") -> Row[Any] | None:
    """An account of a connection, or of the one that saw it last."""
    names = tables.connections
    query = select(A, names.c.name.label("source"), names.c.app).join_from(A, names, names.c.id == A.c.connection_id)
    query = query.where(A.c.id == account_id).order_by(A.c.seen_at.desc()).limit(1)
    return connection.execute(query.where(A.c.connection_id == connection_id) if connection_id else query).one_or_none()


def accounts_of(
    connection: Connection, owners: Sequence[tuple[str, str]], each: int | None = None
) -> Sequence[Row[Any]]:
    """Accounts of customers (connection, id), each with `number`: how many its customer has. `each`: the first ones only."""
    owner = (A.c.connection_id, A.c.customer_id)
    place = func.row_number().over(partition_by=owner, order_by=A.c.key).label("place")
    number = func.count().over(partition_by=owner).label("number")
    placed = select(A, place, number).where(tuple_(*owner).in_(owners)).subquery()
    query = select(placed).order_by(placed.c.key)
    return connection.execute(query.where(placed.c.place <= each) if each else query).all()


def _customers() -> Any:  # noqa: ANN401 - a select
    names = tables.connections
    return select(C, names.c.name.label("source"), names.c.app).join_from(C, names, names.c.id == C.c.connection_id)


def _found_by(search: str) -> ColumnElement[bool]:
    text = search.lower()
    owners = select(A.c.connection_id, A.c.customer_id).where(A.c.search.contains(text, autoescape=True))
    return or_(C.c.search.contains(text, autoescape=True), tuple_(C.c.connection_id, C.c.id).in_(owners))


def _is_own() -> ColumnElement[bool]:
    """The same customer stands in this server's workspace, which the connection reaches by a detour, or was copied to."""
    own = tables_billing.customers
    names = or_(C.c.name == "", own.c.name == C.c.name)
    same = and_(own.c.id == C.c.id, names, or_(C.c.email == "", own.c.email == C.c.email))
    return select(own.c.id).where(same).exists()


def _merged(records: Iterable[SyncedRecord]) -> dict[str, SyncedRecord]:
    """One record per id, the later ones over the earlier ones; ids that no index takes are left out."""
    records_by_id: dict[str, SyncedRecord] = {}
    for record in records:
        if not 0 < len(record.id) <= _LONGEST:
            continue
        before = records_by_id.get(record.id)
        filled = {name: text for name in _ACCOUNT if (text := getattr(record, name))}
        records_by_id[record.id] = replace(before, **filled) if before else record
    return records_by_id


def _put(
    connection: Connection, table: Table, connection_id: str, records: Mapping[str, SyncedRecord], names: Sequence[str]
) -> None:
    if not records:
        return
    query = select(table).where(table.c.connection_id == connection_id, table.c.id.in_(records))
    before = {row.id: row for row in connection.execute(query)}
    now = clock.to_micros(clock.now())
    rows = [_row(record, before.get(record.id), names, connection_id, now) for _, record in sorted(records.items())]
    columns = [column.name for column in table.columns]
    changed = [name for name in columns if name not in ("connection_id", "id", "key")]
    bulk.insert(connection, table, rows, columns=columns, unique=("connection_id", "id"), update=changed)


def _row(
    record: SyncedRecord, before: Row[Any] | None, names: Sequence[str], connection_id: str, now: int
) -> dict[str, str | int]:
    held = {name: getattr(record, name)[:_LONGEST] or (getattr(before, name) if before else "") for name in names}
    return {
        **held,
        "connection_id": connection_id,
        "id": record.id,
        "key": before.key if before else new_id(PREFIX),
        "search": " ".join((record.id, held["name"], held["email"])).lower(),
        "seen_at": now,
    }
