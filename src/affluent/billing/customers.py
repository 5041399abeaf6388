"""Customers: each has at least one account; archived, never deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, or_, select

from affluent.billing import accounts, events, reading, settings
from affluent.billing.errors import Refused, Taken
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import AccountOfCustomer, CustomerChange, NewContact, NewCustomer
from affluent.billing.views import Account, Contact, Customer, Setting, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

C, P = tables.customers, tables.contacts


@dataclass(frozen=True, slots=True)
class CreatedCustomer:
    """A new customer with what was created along with it."""

    customer: Customer
    settings: tuple[Setting, ...]
    account: Account


class Customers:
    """Use cases of customers."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, new: NewCustomer) -> CreatedCustomer:
        """A new customer with its account, one with the customer's own details when none is given; raises Taken."""
        account = new.account or AccountOfCustomer(
            id=new.id, name=new.name, primary_email=new.primary_email, address=new.address
        )

        def unit(connection: Connection) -> Changed[CreatedCustomer]:
            if store.one(connection, C, C.c.id == new.id) is not None:
                raise Taken(f"The customer id {new.id!r} is in use. Choose another one.", field="id")
            now = clock.now()
            values = {
                "id": new.id,
                "key": billing_id("customer"),
                "name": new.name,
                "email": new.primary_email,
                "address": new.address.model_dump(by_alias=True, exclude_none=True),
                "status": "ACTIVE",
                "search": _search(new.id, new.name, new.primary_email),
                "created_at": now,
                "updated_at": now,
            }
            customer = reading.customer_of(store.add(connection, C, values))
            settings.add_all(connection, reading.CUSTOMER, new.id, new.settings or ())
            about = accounts.add(connection, new.id, account)
            own = about.customer_settings
            drafts = [events.customer_created(customer, own), events.account_created(about)]
            return CreatedCustomer(customer, own, about.account), drafts

        return await self._ledger.change(unit)

    async def get(self, customer_id: str) -> Customer:
        """One customer; raises Missing."""
        return await self._ledger.read(lambda connection: reading.customer(connection, customer_id))

    async def find(
        self, *, customer_id: str = "", status: str = "", search: str = "", limit: int = 20, after: str = ""
    ) -> Slice[Customer]:
        """Customers, newest first. `search`: part of id, name or e-mail, or the whole id of an account."""
        conditions = [column == value for column, value in ((C.c.id, customer_id), (C.c.status, status)) if value]
        if search:
            conditions.append(found_by(search))

        def unit(connection: Connection) -> Slice[Customer]:
            rows = store.page(connection, C, *conditions, key=C.c.key, limit=limit, after=after)
            following = rows[limit - 1].key if len(rows) > limit else ""
            return Slice(items=tuple(reading.customer_of(row) for row in rows[:limit]), next=following)

        return await self._ledger.read(unit)

    async def change(self, customer_id: str, change: CustomerChange) -> Customer:
        """Change name, e-mail or address. Raises Missing, and Refused for an archived customer."""

        def unit(connection: Connection) -> Changed[Customer]:
            before = reading.customer(connection, customer_id, lock=True)
            if before.status == "ARCHIVED":
                raise Refused(f"The customer {customer_id} is archived and cannot be changed.")
            values: dict[str, Any] = {}
            if change.name is not None:
                values["name"] = change.name
            if change.primary_email is not None:
                values["email"] = change.primary_email
            if change.address is not None:
                values["address"] = change.address.model_dump(by_alias=True, exclude_none=True)
            name, email = values.get("name", before.name), values.get("email", before.email)
            values |= {"search": _search(customer_id, name, email), "updated_at": clock.now()}
            row = store.change(connection, C, C.c.id == customer_id, **values)
            return (reading.customer_of(row) if row is not None else before), ()

        return await self._ledger.change(unit)

    async def archive(self, customer_id: str) -> None:
        """Archive the customer and its accounts; once more changes nothing. Raises Missing."""

        def unit(connection: Connection) -> Changed[None]:
            customer = reading.customer(connection, customer_id, lock=True)
            if customer.status == "ARCHIVED":
                return None, ()
            store.change(connection, C, C.c.id == customer_id, status="ARCHIVED", updated_at=clock.now())
            table = tables.accounts
            mine = store.some(connection, table, table.c.customer_id == customer_id, order=[table.c.key])
            drafts: list[EventDraft] = []
            for row in mine:
                drafts += accounts.archive(connection, row.id)
            return None, drafts

        await self._ledger.change(unit)

    async def add_contact(self, customer_id: str, new: NewContact, *, author: str) -> Contact:
        """A new person of the customer. Raises Missing, and Taken for a user name that is in use."""

        def unit(connection: Connection) -> Changed[Contact]:
            reading.customer(connection, customer_id)
            username = new.preferred_username or billing_id("contact")
            if store.one(connection, P, P.c.username == username) is not None:
                raise Taken(f"The user name {username!r} is in use.", field="preferredUsername")
            values = {
                "username": username,
                "customer_id": customer_id,
                "name": new.name,
                "email": new.email,
                "phone": new.phone or "",
                "verified": bool(new.verified),
                "login_access": bool(new.login_access),
                "created_by": author[:50],
                "created_at": clock.now(),
            }
            return contact_of(store.add(connection, P, values)), ()

        return await self._ledger.change(unit)


def found_by(search: str) -> ColumnElement[bool]:
    """The condition of a search: part of id, name or e-mail, or the whole id of an account."""
    owner = select(tables.accounts.c.customer_id).where(tables.accounts.c.id == search).scalar_subquery()
    return or_(C.c.search.contains(search.lower(), autoescape=True), C.c.id == owner)  # asked once, not row by row


def contact_of(row: Row[Any]) -> Contact:
    """A contact's row as a view."""
    return Contact(
        username=row.username,
        customer_id=row.customer_id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        verified=row.verified,
        login_access=row.login_access,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _search(*parts: str) -> str:
    return " ".join(parts).lower()
