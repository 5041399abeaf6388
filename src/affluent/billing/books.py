"""The workspace's own books, read from its tables: invoices paid and given back, payments of gateways."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, or_, select

from affluent.kit.jsons import JSONValue
from affluent.kit.money import Money
from affluent.sdk import BookPage, BookRecord, Window
from affluent.store.tables import billing as tables

I, P = tables.invoices, tables.payments  # noqa: E741 - the tables of this module, as in its neighbours
_PAGE = 1_000
_PAID = ("PAID", "REFUND_INITIATED", "REFUND_COMPLETED")


def page(connection: Connection, window: Window, cursor: JSONValue) -> BookPage:
    """One page: first the invoices, then the payments."""
    walk = cursor or {"list": "invoices", "after": ""}
    records, last = (_invoices if walk["list"] == "invoices" else _receipts)(connection, window, walk["after"])
    if last:
        return BookPage(records=records, cursor={"list": walk["list"], "after": last}, more=True)
    if walk["list"] == "invoices":
        return BookPage(records=records, cursor={"list": "payments", "after": ""}, more=True)
    return BookPage(records=records)


def invoices(connection: Connection, ids: list[str]) -> list[BookRecord]:
    """The paid invoices of these ids, whenever they were paid."""
    rows = connection.execute(select(I).where(I.c.id.in_(ids), I.c.paid_at.is_not(None), I.c.status.in_(_PAID)))
    return [record for row in rows for record in _records(row)]


def _invoices(connection: Connection, window: Window, after: str) -> tuple[list[BookRecord], str]:
    paid = I.c.paid_at.between(window.start, window.end)
    refunded = (I.c.status == "REFUND_COMPLETED") & I.c.updated_at.between(window.start, window.end)
    query = select(I).where(I.c.id > after, I.c.status.in_(_PAID), or_(paid, refunded)).order_by(I.c.id).limit(_PAGE)
    rows = connection.execute(query).all()
    return [record for row in rows for record in _records(row)], rows[-1].id if len(rows) == _PAGE else ""


def _records(row: Row[Any]) -> list[BookRecord]:
    net, gross = Money(row.net_minor, row.currency), row.net_minor + row.tax_minor
    facts = {
        "gross": gross,
        "tax": row.tax_minor,
        "discount": -sum(line["net"] for line in row.lines if line["net"] < 0),
        "number": row.number or row.id,
    }
    records = [
        BookRecord(
            kind="invoice", id=row.id, about=row.id, amount=net, at=row.paid_at or row.updated_at,
            account_id=row.account_id, status=row.status, facts=facts,
        )
    ]  # fmt: skip
    if row.status == "REFUND_COMPLETED":
        records.append(
            BookRecord(
                kind="refund", id=f"refund.{row.id.partition('.')[2]}", about=row.id, amount=net, at=row.updated_at,
                account_id=row.account_id, facts={"gross": gross},
            )
        )  # fmt: skip
    return records


def _receipts(connection: Connection, window: Window, after: str) -> tuple[list[BookRecord], str]:
    made = P.c.created_at.between(window.start, window.end)
    rows = connection.execute(select(P).where(P.c.id > after, made).order_by(P.c.id).limit(_PAGE)).all()
    records = [
        BookRecord(
            kind="receipt", id=f"{row.reference['transactionNumber']}/{line['togaiId']}", about=line["togaiId"],
            amount=Money(line["amount"], row.currency), at=row.created_at, account_id=row.account_id,
        )
        for row in rows
        if row.reference.get("sourceType") == "GATEWAY"
        for line in row.lines
    ]  # fmt: skip
    return records, rows[-1].id if len(rows) == _PAGE else ""
