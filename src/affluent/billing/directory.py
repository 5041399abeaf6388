"""The directory as people read it: customers with their accounts on one page of a list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from affluent.billing import reading
from affluent.billing.customers import found_by
from affluent.billing.ledger import Ledger
from affluent.billing.views import Account, Customer, Slice
from affluent.store import billing as store
from affluent.store.tables import billing as tables

C, A = tables.customers, tables.accounts
SHOWN = 3
"""Accounts of one customer on the list; its own page has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A customer with its first accounts."""

    customer: Customer
    accounts: tuple[Account, ...]
    number: int = 0
    """How many accounts it has in all."""


class Directory:
    """Reads only."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def find(self, *, search: str = "", limit: int = 25, after: str = "") -> Slice[Listed]:
        """Customers, newest first. `search`: part of id, name or e-mail, or the whole id of an account."""
        conditions = [found_by(search)] if search else []

        def unit(connection: Connection) -> Slice[Listed]:
            rows = store.page(connection, C, *conditions, key=C.c.key, limit=limit, after=after)
            following = rows[limit - 1].key if len(rows) > limit else ""
            found = [Listed(customer=reading.customer_of(row), accounts=()) for row in rows[:limit]]
            return Slice(items=_with_accounts(connection, found), next=following)

        return await self._ledger.read(unit)


def _with_accounts(connection: Connection, found: list[Listed]) -> tuple[Listed, ...]:
    place = func.row_number().over(partition_by=A.c.customer_id, order_by=A.c.key).label("place")
    number = func.count().over(partition_by=A.c.customer_id).label("number")
    ids = [one.customer.id for one in found]
    placed = select(A.c.id, place, number).where(A.c.customer_id.in_(ids)).subquery()
    first = select(A, placed.c.number).join(placed, placed.c.id == A.c.id).where(placed.c.place <= SHOWN)
    rows = connection.execute(first.order_by(A.c.key)).all()
    numbers = {row.customer_id: row.number for row in rows}
    accounts: defaultdict[str, list[Account]] = defaultdict(list)
    for account in reading.accounts_of(connection, rows):
        accounts[account.customer_id].append(account)
    return tuple(
        replace(one, accounts=tuple(accounts[one.customer.id]), number=numbers.get(one.customer.id, 0)) for one in found
    )
