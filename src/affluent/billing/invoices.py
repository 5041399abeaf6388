"""Invoices: custom ones are created here; their status moves as the dialect allows.

A draft tells nobody of itself. It is generated, numbered and told of when it leaves DRAFT.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.billing import amounts, events, invoice_rows
from affluent.billing import status_transitions as moves
from affluent.billing.accounts import open_account
from affluent.billing.errors import Refused
from affluent.billing.invoice_rows import I
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import InvoiceChange, NewInvoice
from affluent.billing.views import Account, Invoice, InvoiceLine, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.store import billing as store


class Invoices:
    """Use cases of invoices."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, new: NewInvoice) -> Invoice:
        """A custom invoice. The same idempotency key answers the first one. Raises Missing or Refused."""

        def unit(connection: Connection) -> Changed[Invoice]:
            account = open_account(connection, new.account_id)
            lines = amounts.lines(new.line_items, account.currency)
            known = _repeated(connection, new, lines)
            if known is not None:
                return invoice_rows.views(connection, [known])[0], ()
            row = store.add(connection, I, _columns(connection, account, new, lines))
            invoice = invoice_rows.views(connection, [row])[0]
            drafts: list[EventDraft] = []
            if invoice.status != "DRAFT":
                about = events.party(connection, account.id)
                drafts.append(events.invoice_generated(about, invoice))
                if invoice.status == "PAID":
                    drafts.append(events.invoice_changed("invoice.paid", about, invoice, "DUE"))
            return invoice, drafts

        return await self._ledger.change(unit)

    async def get(self, invoice_id: str) -> Invoice:
        """One invoice; raises Missing."""
        return await self._ledger.read(
            lambda connection: invoice_rows.views(connection, [invoice_rows.one(connection, invoice_id)])[0]
        )

    async def find(
        self,
        *,
        account_id: str = "",
        customer_id: str = "",
        status: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
        after: str = "",
    ) -> Slice[Invoice]:
        """Invoices, newest first; empty conditions match all. `since` and `until` bound the invoice date."""
        wanted = {I.c.account_id: account_id, I.c.customer_id: customer_id, I.c.status: status}
        conditions = [column == value for column, value in wanted.items() if value]
        if since is not None:
            conditions.append(I.c.invoice_at >= since)
        if until is not None:
            conditions.append(I.c.invoice_at < until)

        def unit(connection: Connection) -> Slice[Invoice]:
            rows = store.page(connection, I, *conditions, key=I.c.id, limit=limit, after=after)
            following = rows[limit - 1].id if len(rows) > limit else ""
            return Slice(items=invoice_rows.views(connection, rows[:limit]), next=following)

        return await self._ledger.read(unit)

    async def change(self, invoice_id: str, change: InvoiceChange) -> Invoice:
        """Move the status; the rest only of drafts. The status it has already changes nothing. Raises Missing or Refused."""

        def unit(connection: Connection) -> Changed[Invoice]:
            row = invoice_rows.one(connection, invoice_id, lock=True)
            row = _redrafted(connection, row, change)
            if change.status in (None, row.status):
                return invoice_rows.views(connection, [row])[0], ()
            moves.check(row.status, change.status)
            return invoice_rows.move(connection, row, change.status)

        return await self._ledger.change(unit)

    async def delete(self, invoice_id: str) -> None:
        """Remove a draft; any other invoice stays. Raises Missing or Refused."""

        def unit(connection: Connection) -> Changed[None]:
            row = invoice_rows.one(connection, invoice_id, lock=True)
            if row.status != "DRAFT":
                raise Refused(f"Only a DRAFT can be deleted; this invoice is {row.status}. Void it instead.")
            store.remove(connection, I, I.c.id == invoice_id)
            return None, ()

        await self._ledger.change(unit)


def _repeated(connection: Connection, new: NewInvoice, lines: tuple[InvoiceLine, ...]) -> Row[Any] | None:
    if new.idempotency_key is None:
        return None
    known = store.one(connection, I, I.c.account_id == new.account_id, I.c.idempotency_key == new.idempotency_key)
    if known is not None and known.status != "DRAFT" and known.lines != invoice_rows.kept(lines):
        raise Refused("It was used for an invoice with other lines.", field="idempotencyKey")
    return known


def _columns(
    connection: Connection, account: Account, new: NewInvoice, lines: tuple[InvoiceLine, ...]
) -> dict[str, Any]:
    _check_period(new.start_date, new.end_date)
    now = clock.now()
    net = amounts.total([line.net for line in lines], account.currency).minor_units
    tax = amounts.total([line.tax for line in lines], account.currency).minor_units
    is_paid = new.status == "PAID"
    columns = {
        "id": billing_id("inv"),
        "number": None,
        "account_id": account.id,
        "customer_id": account.customer_id,
        "status": new.status,
        "invoice_class": "INVOICE",
        "type": "CUSTOM",
        "currency": account.currency,
        "net_minor": net,
        "tax_minor": tax,
        "paid_minor": net + tax if is_paid else 0,
        "lines": invoice_rows.kept(lines),
        "start_at": new.start_date,
        "end_at": new.end_date,
        "invoice_at": now,
        "due_at": now + timedelta(days=account.net_term_days),
        "net_term_days": account.net_term_days,
        "generated_at": None,
        "paid_at": now if is_paid else None,
        "price_plan_id": account.price_plan_id,
        "price_plan_name": account.price_plan_name,
        "auto_advance": bool(new.auto_advance),
        "idempotency_key": new.idempotency_key,
        "created_at": now,
        "updated_at": now,
    }
    return columns if new.status == "DRAFT" else columns | invoice_rows.numbered(connection, account.net_term_days)


def _redrafted(connection: Connection, row: Row[Any], change: InvoiceChange) -> Row[Any]:
    values: dict[str, Any] = {}
    if change.start_date is not None:
        values["start_at"] = change.start_date
    if change.end_date is not None:
        values["end_at"] = change.end_date
    if change.auto_advance is not None:
        values["auto_advance"] = change.auto_advance
    if change.line_items is not None:
        lines = amounts.lines(change.line_items, row.currency)
        values |= {
            "lines": invoice_rows.kept(lines),
            "net_minor": amounts.total([line.net for line in lines], row.currency).minor_units,
            "tax_minor": amounts.total([line.tax for line in lines], row.currency).minor_units,
        }
    if not values:
        return row
    if row.status != "DRAFT":
        raise Refused(f"This invoice is {row.status}: only its status can be changed.")
    _check_period(values.get("start_at", row.start_at), values.get("end_at", row.end_at))
    return store.change(connection, I, I.c.id == row.id, **values, updated_at=clock.now()) or row


def _check_period(start: datetime, end: datetime) -> None:
    if end < start:
        raise Refused("Must not lie before startDate.", field="endDate")
