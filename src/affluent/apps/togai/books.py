"""Togai's books: invoices paid and given back, and payments recorded. Lists say less than records, so each is read whole.

Togai filters invoices by their date only, so those of half a year before the window are looked at too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from affluent.apps.togai.client import Ctx, at, read
from affluent.apps.togai.enrichment import invoice
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money
from affluent.sdk import BookPage, BookRecord, Books, Window

_PAGE = 50
_BEFORE = timedelta(days=200)
_PAID = ("PAID", "REFUND_INITIATED", "REFUND_COMPLETED")


async def read_books(ctx: Ctx, window: Window, cursor: JSONValue) -> BookPage:
    """One page: first the invoices, then the payments, newest first."""
    walk: JSONObject = dict(cursor or {"list": "invoices"})
    token = {"nextToken": walk["token"]} if walk.get("token") else {}
    since = {"start_time": int((window.start - _BEFORE).timestamp() * 1000)} if walk["list"] == "invoices" else {}
    page = await read(ctx, f"/{walk['list']}", pageSize=_PAGE, **since, **token)
    records: list[BookRecord] = []
    has_passed = False
    for said in page.get("data") or []:
        if walk["list"] == "invoices":
            records += await _invoice(ctx, said) if said.get("status") in _PAID else []
        else:
            records += _receipts(said)
            has_passed = has_passed or _instant(said.get("createdAt")) < window.start
    inside = [record for record in records if window.start <= record.at < window.end]
    following = None if has_passed else page.get("nextToken")
    if following and following != walk.get("token"):
        return BookPage(records=inside, cursor={"list": walk["list"], "token": following}, more=True)
    if walk["list"] == "invoices":
        return BookPage(records=inside, cursor={"list": "payments"}, more=True)
    return BookPage(records=inside)


async def _invoice(ctx: Ctx, listed: JSONObject) -> list[BookRecord]:
    said = await read(ctx, at("invoices", text_of(listed["id"])))
    whole = invoice(said, text_of((listed.get("metadata") or {}).get("currency")))
    currency, owner, changed_at = whole["currency"], text_of(said.get("ownerId")), _instant(said.get("updatedAt"))
    net, gross = Money.rounded(whole["net"], currency), Money.rounded(whole["total"], currency)
    lines = [Money.rounded(line["net"], currency).minor_units for line in whole["line_items"]]
    facts = {
        "gross": gross.minor_units,
        "tax": gross.minor_units - net.minor_units,
        "discount": -sum(line for line in lines if line < 0),
        "number": whole["number"],
    }
    paid_at = _instant(whole["paid_at"]) if whole["paid_at"] else changed_at
    records = [
        BookRecord(
            kind="invoice", id=whole["id"], about=whole["id"], amount=net, at=paid_at, account_id=owner,
            status=whole["status"], facts=facts,
        )
    ]  # fmt: skip
    if whole["status"] == "REFUND_COMPLETED":
        records.append(
            BookRecord(
                kind="refund", id=f"{whole['id']}/refund", about=whole["id"], amount=net, at=changed_at,
                account_id=owner, facts={"gross": gross.minor_units},
            )
        )  # fmt: skip
    return records


def _receipts(said: JSONObject) -> list[BookRecord]:
    reference, currency = said.get("externalPaymentReferences") or {}, text_of(said.get("currency"))
    number = text_of(reference.get("transactionNumber"))
    if reference.get("sourceType") != "GATEWAY":
        return []
    return [
        BookRecord(
            kind="receipt",
            id=f"{number or text_of(said.get('id'))}/{line['togaiId']}",
            about=line["togaiId"],
            amount=Money.rounded(text_of(line.get("amount") or said.get("totalAmount")), currency),
            at=_instant(said.get("createdAt")),
            account_id=text_of(said.get("accountId")),
        )
        for line in said.get("lineItemRecords") or []
        if line.get("togaiId")
    ]


def _instant(value: JSONValue) -> datetime:
    return clock.from_text(value) or clock.EARLIEST


BOOKS = Books(
    shelf="billing",
    read=read_books,
    writes={"record_payment": "receipt"},
    told_as=("invoice.paid:{id}", "invoice.paid/{id}"),
    refund_told_as=("invoice.refunded:{id}", "invoice.refunded/{id}"),
)
