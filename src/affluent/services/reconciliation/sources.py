"""Whose books are compared, and how a page of them becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from affluent.catalog import Catalog
from affluent.domain.event import Priority
from affluent.domain.reconciliation.cases import corrected
from affluent.engine.plans import Bound, bind
from affluent.kit import clock
from affluent.kit.jsons import JSONValue
from affluent.sdk import BookPage, BookRecord, Window
from affluent.services.errors import Conflict
from affluent.services.inbound.job_targets import Vendors
from affluent.store import bulk, tables
from affluent.vault.envelope import Vault

WORKSPACE_APP, JOURNAL_APP = "workspace", "journal"
LocalPage = Callable[[Connection, Window, JSONValue], BookPage]
LocalInvoices = Callable[[Connection, list[str]], Sequence[BookRecord]]


class Sources:
    """Finds books and opens them."""

    def __init__(
        self, *, catalog: Catalog, vault: Vault, vendors: Vendors, page: LocalPage, invoices: LocalInvoices
    ) -> None:
        self.apps = {key: app for key, app in catalog.apps.items() if app.books is not None}
        self._all_apps = catalog.apps
        self._vault = vault
        self._vendors = vendors
        self.page = page
        self.invoices = invoices

    def plan(self, connection: Connection, window: Window) -> list[dict[str, Any]]:
        """A snapshot each: this server's workspace, and every connection whose app keeps books."""
        span = {"window_start": window.start, "window_end": window.end}
        planned = [{"app": WORKSPACE_APP, "connection_id": "", **span}]
        for row in connection.execute(select(tables.connections).order_by(tables.connections.c.id)):
            app = self.apps.get(row.app)
            if app is None or row.status == "disabled":
                continue
            bound = bind(row, self._all_apps, self._vault)
            if bound.credentials is not None and app.is_local(bound.credentials):
                continue
            planned.append({"app": row.app, "connection_id": row.id, **span})
        return planned

    def bound(self, connection: Connection, connection_id: str) -> Bound:
        """A connection, ready to be used; raises Conflict when it cannot be."""
        row = connection.execute(
            select(tables.connections).where(tables.connections.c.id == connection_id)
        ).one_or_none()
        if row is None:
            raise Conflict("A connection was deleted while its books were being read. Reconcile again.")
        bound = bind(row, self._all_apps, self._vault)
        if bound.status != "active":
            raise Conflict(f"The connection {bound.name!r} needs attention. {bound.status_reason}".strip())
        return bound

    async def read(self, app_key: str, bound: Bound, window: Window, cursor: JSONValue) -> BookPage:
        """One page of a vendor's books, behind live traffic. Raises AppError."""
        app = self.apps.get(app_key)
        if app is None or app.books is None:
            raise Conflict(f"The app {app_key!r} is not installed, cannot be used or keeps no books any more.")
        context = self._vendors.context(app, bound, priority=Priority.BACKFILL)
        return await app.books.read(context, window, cursor)


def rows_of(records: Sequence[BookRecord]) -> list[bulk.Row]:
    """Records as they are kept; what corrects something stands in its case."""
    return [
        {
            "kind": record.kind,
            "id": record.id,
            "about": record.about,
            "case_id": corrected(record.about),
            "account_id": record.account_id,
            "amount": record.amount.minor_units,
            "currency": record.amount.currency,
            "at": clock.to_micros(record.at),
            "status": record.status,
            "facts": record.facts,
        }
        for record in records
    ]
