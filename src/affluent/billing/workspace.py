"""The workspace as the rest of the product sees it: the use cases by noun, and what the pages of people read."""

from __future__ import annotations

from sqlalchemy import Connection

from affluent.billing import credits as credit_rows
from affluent.billing import invoice_rows, reading
from affluent.billing import payments as payment_rows
from affluent.billing.accounts import Accounts
from affluent.billing.aliases import Aliases
from affluent.billing.credits import Credits
from affluent.billing.customers import Customers, contact_of
from affluent.billing.directory import Directory
from affluent.billing.events import Accept
from affluent.billing.invoices import Invoices
from affluent.billing.ledger import Ledger
from affluent.billing.payments import Payments
from affluent.billing.price_plans import PricePlans
from affluent.billing.purchases import Purchases
from affluent.billing.schedules import Schedules
from affluent.billing.settings import Saved, Settings
from affluent.billing.views import AccountDetail, CustomerDetail
from affluent.store import billing as store
from affluent.store.database import Database
from affluent.store.tables import billing as tables

NEWEST = 20
"""Invoices, payments and credits on an account's page; the lists have the rest."""


class Billing:
    """The billing workspace. `accept` takes the events of a change inside its transaction, `saved` a setting of accounts."""

    def __init__(self, database: Database, accept: Accept, saved: Saved = lambda *_setting: None) -> None:
        ledger = self._ledger = Ledger(database, accept)
        self.customers = Customers(ledger)
        self.directory = Directory(ledger)
        self.accounts = Accounts(ledger)
        self.aliases = Aliases(ledger)
        self.settings = Settings(ledger, saved)
        self.price_plans = PricePlans(ledger)
        self.schedules = Schedules(ledger)
        self.purchases = Purchases(ledger)
        self.invoices = Invoices(ledger)
        self.payments = Payments(ledger)
        self.credits = Credits(ledger)

    async def customer_detail(self, customer_id: str) -> CustomerDetail:
        """A customer with its settings, contacts and accounts; raises Missing."""

        def unit(connection: Connection) -> CustomerDetail:
            customer = reading.customer(connection, customer_id)
            contacts, accounts = tables.contacts, tables.accounts
            people = store.some(
                connection, contacts, contacts.c.customer_id == customer_id, order=[contacts.c.created_at], limit=200
            )
            rows = store.some(
                connection, accounts, accounts.c.customer_id == customer_id, order=[accounts.c.key], limit=200
            )
            return CustomerDetail(
                customer=customer,
                settings=tuple(reading.settings_of(connection, reading.CUSTOMER, [customer_id])[customer_id]),
                contacts=tuple(contact_of(row) for row in people),
                accounts=reading.accounts_of(connection, rows),
            )

        return await self._ledger.read(unit)

    async def account_detail(self, account_id: str) -> AccountDetail:
        """An account with customer, settings, plans, and its newest invoices, payments and credits; raises Missing."""

        def unit(connection: Connection) -> AccountDetail:
            account = reading.account(connection, account_id)
            settings = reading.settings_of(connection, reading.CUSTOMER, [account.customer_id])
            invoices, payments, granted = (
                store.some(connection, table, table.c.account_id == account_id, order=[table.c.id.desc()], limit=NEWEST)
                for table in (tables.invoices, tables.payments, tables.granted_credits)
            )
            return AccountDetail(
                account=account,
                customer=reading.customer(connection, account.customer_id),
                customer_settings=tuple(settings[account.customer_id]),
                schedules=tuple(reading.schedules(connection, account_id)),
                invoices=invoice_rows.views(connection, invoices),
                payments=tuple(payment_rows.payment_of(row) for row in payments),
                credits=tuple(credit_rows.credit_of(row) for row in granted),
                balance=credit_rows.balance_of(connection, account_id),
            )

        return await self._ledger.read(unit)
