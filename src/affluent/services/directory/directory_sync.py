"""Customers and accounts that another system keeps, as they were last seen there. Nothing of them is changed here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from affluent.services.errors import NotFound
from affluent.services.paging import Page, bounded, page_of
from affluent.store import directory_sync as store
from affluent.store.database import Database

SHOWN = 3
"""Accounts of one customer on the list; its own page has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedAccount:
    """An account, as its system told of it last."""

    id: str
    customer_id: str
    name: str
    email: str
    currency: str
    status: str
    app: str
    connection_id: str
    source: str
    """Name of the connection."""
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedCustomer:
    """A customer with its first accounts, as its system told of it last."""

    key: str
    id: str
    name: str
    email: str
    status: str
    connection_id: str
    source: str
    """Name of the connection."""
    seen_at: datetime
    accounts: tuple[SyncedAccount, ...]
    number: int
    """How many accounts it has in all."""


class DirectorySync:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, *, search: str = "", limit: int = 25, after: str = "") -> Page[SyncedCustomer]:
        """Customers, newest first, after a key. `search`: part of id, name or e-mail, also of an account."""
        limit = bounded(limit)

        def unit(connection: Connection) -> Page[SyncedCustomer]:
            rows = store.customers(connection, search=search, limit=limit, after=after)
            views = {row.key: view for row, view in zip(rows, _with_accounts(connection, rows, SHOWN), strict=True)}
            return page_of(rows, limit, key=lambda row: str(row.key), view=lambda row: views[row.key])

        return await self._database.read(unit)

    async def customer(self, customer_id: str, connection_id: str = "") -> SyncedCustomer:
        """A customer of a connection, or of the one that saw it last, with all its accounts; raises NotFound."""

        def unit(connection: Connection) -> SyncedCustomer:
            row = store.customer(connection, customer_id, connection_id)
            if row is None:
                raise NotFound(f"There is no customer {customer_id!r} of another system.")
            return _with_accounts(connection, [row])[0]

        return await self._database.read(unit)

    async def account(self, account_id: str, connection_id: str = "") -> SyncedAccount | None:
        """An account of a connection, or of the one that saw it last."""
        row = await self._database.read(lambda connection: store.account(connection, account_id, connection_id))
        return _account(row, row) if row is not None else None


def _with_accounts(connection: Connection, rows: Sequence[Row[Any]], each: int | None = None) -> list[SyncedCustomer]:
    links = {row.connection_id: row for row in rows}
    accounts: defaultdict[tuple[str, str], list[SyncedAccount]] = defaultdict(list)
    numbers: dict[tuple[str, str], int] = {}
    for row in store.accounts_of(connection, [(row.connection_id, row.id) for row in rows], each) if rows else ():
        owner = (row.connection_id, row.customer_id)
        accounts[owner].append(_account(row, links[row.connection_id]))
        numbers[owner] = row.number
    return [
        _customer(row, tuple(accounts[row.connection_id, row.id]), numbers.get((row.connection_id, row.id), 0))
        for row in rows
    ]


def _customer(row: Row[Any], accounts: tuple[SyncedAccount, ...], number: int) -> SyncedCustomer:
    return SyncedCustomer(
        key=row.key,
        id=row.id,
        name=row.name or (accounts[0].name if accounts else row.id),
        email=row.email or (accounts[0].email if accounts else ""),
        status=row.status or "ACTIVE",
        connection_id=row.connection_id,
        source=row.source,
        seen_at=row.seen_at,
        accounts=accounts,
        number=number,
    )


def _account(row: Row[Any], link: Row[Any]) -> SyncedAccount:
    return SyncedAccount(
        id=row.id,
        customer_id=row.customer_id,
        name=row.name,
        email=row.email,
        currency=row.currency,
        status=row.status or "ACTIVE",
        app=link.app,
        connection_id=row.connection_id,
        source=link.source,
        seen_at=row.seen_at,
    )
