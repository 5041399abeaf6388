"""Invoices as rows: read into views, and moved from one status to the next with the events that tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.billing import events
from affluent.billing.errors import Missing
from affluent.billing.views import Invoice, InvoiceLine
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.store import billing as store
from affluent.store.tables import billing as tables

I = tables.invoices  # noqa: E741 - the table of this module, as in its neighbours
FIRST_NUMBER = 1001


def one(connection: Connection, invoice_id: str, *, field: str = "", lock: bool = False) -> Row[Any]:
    """The row of an invoice; raises Missing."""
    row = store.one(connection, I, I.c.id == invoice_id, lock=lock)
    if row is None:
        raise Missing(f"There is no invoice {invoice_id!r}.", field=field)
    return row


def views(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Invoice, ...]:
    """Invoices' rows as views, with account and customer read in one go."""
    accounts = _by_id(connection, tables.accounts, {row.account_id for row in rows})
    customers = _by_id(connection, tables.customers, {row.customer_id for row in rows})
    return tuple(_view(row, accounts[row.account_id], customers[row.customer_id]) for row in rows)


def move(
    connection: Connection, row: Row[Any], status: str, *, paid_minor: int | None = None
) -> tuple[Invoice, list[EventDraft]]:
    """Give an invoice another status. Leaving DRAFT numbers it; PAID pays it off. Returns it with its events.

    One event a move: generated on leaving DRAFT for DUE, paid, refunded, otherwise updated.
    """
    now = clock.now()
    values: dict[str, Any] = {"status": status, "updated_at": now}
    if paid_minor is not None:
        values["paid_minor"] = paid_minor
    if row.status == "DRAFT" and status == "DUE":
        values |= numbered(connection, row.net_term_days)
    if status == "PAID":
        values |= {"paid_at": now, "paid_minor": row.net_minor + row.tax_minor}
    changed = store.change(connection, I, I.c.id == row.id, **values)
    invoice = views(connection, [changed] if changed is not None else [row])[0]
    about = events.party(connection, row.account_id)
    if row.status == "DRAFT" and status == "DUE":
        return invoice, [events.invoice_generated(about, invoice)]
    if status == "PAID":
        return invoice, [events.invoice_changed("invoice.paid", about, invoice, row.status)]
    if status == "REFUND_COMPLETED":
        return invoice, [events.invoice_refunded(about, invoice)]
    return invoice, [events.invoice_changed("invoice.updated", about, invoice, row.status)]


def numbered(connection: Connection, net_term_days: int) -> dict[str, Any]:
    """The columns of an invoice that is generated now: its number, its date, when it is due."""
    now = clock.now()
    number = store.next_number(connection, "invoice", first=FIRST_NUMBER)
    return {
        "number": f"INV-{number}",
        "invoice_at": now,
        "generated_at": now,
        "due_at": now + timedelta(days=net_term_days),
    }


def kept(lines: Sequence[InvoiceLine]) -> list[JSONObject]:
    """Lines as they are kept."""
    return [
        {"description": line.description, "net": line.net.minor_units, "tax": line.tax.minor_units} for line in lines
    ]


def _by_id(connection: Connection, table: Any, ids: set[str]) -> dict[str, Row[Any]]:  # noqa: ANN401 - a table with ids
    return {row.id: row for row in store.some(connection, table, table.c.id.in_(ids))} if ids else {}


def _view(row: Row[Any], account: Row[Any], customer: Row[Any]) -> Invoice:
    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    return Invoice(
        id=row.id,
        number=row.number or "",
        account_id=row.account_id,
        account_name=account.name,
        account_email=account.email or customer.email,
        account_address=account.address,
        customer_id=row.customer_id,
        customer_name=customer.name,
        customer_email=customer.email,
        customer_address=customer.address,
        status=row.status,
        invoice_class=row.invoice_class,
        type=row.type,
        currency=row.currency,
        net=money(row.net_minor),
        tax=money(row.tax_minor),
        total=money(row.net_minor + row.tax_minor),
        paid=money(row.paid_minor),
        lines=tuple(
            InvoiceLine(description=line["description"], net=money(line["net"]), tax=money(line["tax"]))
            for line in row.lines
        ),
        start_at=row.start_at,
        end_at=row.end_at,
        invoice_at=row.invoice_at,
        due_at=row.due_at,
        net_term_days=row.net_term_days,
        generated_at=row.generated_at,
        paid_at=row.paid_at,
        price_plan_id=row.price_plan_id,
        price_plan_name=row.price_plan_name,
        auto_advance=row.auto_advance,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
