"""Accounts: created under a customer, changed, archived; never deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from affluent.billing import aliases, events, reading, settings
from affluent.billing.errors import Refused, Taken
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import AccountChange, AccountOfCustomer, Address, NewAccount
from affluent.billing.views import Account, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

A = tables.accounts
BASE_CURRENCY = "USD"
_COLUMNS = {"invoice_currency": "currency", "primary_email": "email"}


class Accounts:
    """Use cases of accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, new: NewAccount) -> Account:
        """A new account. Raises Missing for an unknown customer, Taken for an id that is in use."""

        def unit(connection: Connection) -> Changed[Account]:
            owner = reading.customer(connection, new.customer_id, lock=True)
            if owner.status == "ARCHIVED":
                raise Refused(f"The customer {owner.id} is archived and gets no new accounts.", field="customerId")
            about = add(connection, new.customer_id, new)
            return about.account, [events.account_created(about)]

        return await self._ledger.change(unit)

    async def get(self, account_id: str) -> Account:
        """One account; raises Missing."""
        return await self._ledger.read(lambda connection: reading.account(connection, account_id))

    async def find(
        self,
        *,
        account_id: str = "",
        customer_id: str = "",
        status: str = "",
        currency: str = "",
        limit: int = 20,
        after: str = "",
    ) -> Slice[Account]:
        """Accounts, newest first; empty conditions match all."""
        wanted = {A.c.id: account_id, A.c.customer_id: customer_id, A.c.status: status, A.c.currency: currency}
        conditions = [column == value for column, value in wanted.items() if value]

        def unit(connection: Connection) -> Slice[Account]:
            rows = store.page(connection, A, *conditions, key=A.c.key, limit=limit, after=after)
            following = rows[limit - 1].key if len(rows) > limit else ""
            return Slice(items=reading.accounts_of(connection, rows[:limit]), next=following)

        return await self._ledger.read(unit)

    async def change(self, account_id: str, change: AccountChange) -> Account:
        """Change what is given. Raises Missing; Refused for another currency and for an archived account."""

        def unit(connection: Connection) -> Changed[Account]:
            before = open_account(connection, account_id)
            if change.invoice_currency not in (None, before.currency):
                raise Refused(
                    f"The currency of an account cannot be changed; it is {before.currency}. Create another account.",
                    field="invoiceCurrency",
                )
            row = store.one(connection, A, A.c.id == account_id)
            values = {name: value for name, value in _values(change).items() if getattr(row, name) != value}
            if not values:
                return before, ()
            store.change(connection, A, A.c.id == account_id, **values, updated_at=clock.now())
            about = events.party(connection, account_id)
            return about.account, [events.account_updated(about, sorted(values))]

        return await self._ledger.change(unit)

    async def archive(self, account_id: str) -> None:
        """Archive the account; once more changes nothing. Raises Missing."""

        def unit(connection: Connection) -> Changed[None]:
            reading.account(connection, account_id, lock=True)
            return None, archive(connection, account_id)

        await self._ledger.change(unit)


def add(connection: Connection, customer_id: str, new: AccountOfCustomer) -> events.Party:
    """Insert an account with its aliases and settings; raises Taken."""
    if store.one(connection, A, A.c.id == new.id) is not None:
        raise Taken(f"The account id {new.id!r} is in use. Choose another one.", field="id")
    now = clock.now()
    defaults: dict[str, Any] = {
        "email": "",
        "currency": BASE_CURRENCY,
        "status": "ACTIVE",
        "address": {},
        "net_term_days": 0,
        "metadata": {},
        "tags": [],
        "billing_information": {},
    }
    own = {"id": new.id, "key": billing_id("account"), "customer_id": customer_id, "created_at": now, "updated_at": now}
    store.add(connection, A, {**defaults, **_values(new), **own})
    aliases.add(connection, new.id, plain=new.aliases or (), dated=new.account_aliases or ())
    settings.add_all(connection, reading.ACCOUNT, new.id, new.settings or ())
    return events.party(connection, new.id)


def archive(connection: Connection, account_id: str) -> list[EventDraft]:
    """Archive an account, and return its event when it was not archived before."""
    found = store.change(
        connection, A, A.c.id == account_id, A.c.status != "ARCHIVED", status="ARCHIVED", updated_at=clock.now()
    )
    return [events.account_archived(events.party(connection, account_id))] if found is not None else []


def open_account(connection: Connection, account_id: str, *, lock: bool = True) -> Account:
    """The account, when it is not archived; raises Missing or Refused."""
    account = reading.account(connection, account_id, lock=lock)
    if account.status == "ARCHIVED":
        raise Refused(f"The account {account_id} is archived and cannot be changed.")
    return account


def _values(given: AccountOfCustomer | AccountChange) -> dict[str, Any]:
    """The columns that a body sets."""
    values: dict[str, Any] = {}
    for name in AccountChange.model_fields:
        value = getattr(given, name)
        if value is None:
            continue
        if name == "tags":
            value = sorted({tag.lower() for tag in value})
        elif isinstance(value, Address) or name == "billing_information":
            value = value.model_dump(by_alias=True, exclude_none=True)
        values[_COLUMNS.get(name, name)] = value
    return values
