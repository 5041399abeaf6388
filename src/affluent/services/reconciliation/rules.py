"""What a comparison has to know besides the records: the period, who is a referral, which ids stand for one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from affluent.domain.reconciliation.statement import Period, Rules
from affluent.kit import clock
from affluent.sdk import App
from affluent.store import tables
from affluent.store.tables import billing as tables_billing

REFERRAL = "referral"
"""Kind of the identity that an affiliate tracker gives an account it knows."""


def rules_of(connection: Connection, row: Row[Any], apps: Mapping[str, App]) -> Rules:
    """The rules of a statement. `apps` are those that keep books."""
    period = Period(start=clock.to_micros(row.period_start), end=clock.to_micros(row.period_end))
    trackers = [app.books for app in apps.values() if app.books and app.books.shelf == "commissions"]
    identities, accounts, aliases = tables.identities, tables_billing.accounts, tables_billing.account_aliases
    referred = set(connection.execute(select(identities.c.account_id).where(identities.c.kind == REFERRAL)).scalars())

    def same_account(ours: str, theirs: str) -> bool:
        known = (
            select(accounts.c.id).where(accounts.c.id == ours, accounts.c.customer_id == theirs),
            select(aliases.c.id).where(aliases.c.account_id == ours, aliases.c.value == theirs),
            select(identities.c.kind).where(identities.c.account_id == ours, identities.c.external_id == theirs),
        )
        return any(connection.execute(query).first() is not None for query in known)

    return Rules(
        period=period,
        minimum=lambda currency: min((books.minimum(currency) for books in trackers), default=1),
        is_referred=referred.__contains__,
        same_account=same_account,
    )
