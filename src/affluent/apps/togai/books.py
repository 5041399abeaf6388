"""Togai's books: invoices paid and given back, and payments recorded. Lists say less than records, so each is read whole.

Invoices that are not paid and credits are no records, and are read for the facts that they say. Togai filters invoices by their
date only, so those of half a year before the window are looked at too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from affluent.apps.togai import money
from affluent.apps.togai.client import Ctx, at, major, read
from affluent.apps.togai.enrichment import invoice, payment
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money
from affluent.sdk import BookPage, BookRecord, Books, Window
from affluent.sdk.facts import Fact

_PAGE = 50
_BEFORE = timedelta(days=200)
_PAID = ("PAID", "REFUND_INITIATED", "REFUND_COMPLETED")
_LISTS = ("invoices", "payments", "credits")


async def read_books(ctx: Ctx, window: Window, cursor: JSONValue) -> BookPage:
    """One page of one list after the other, newest first."""
    walk: JSONObject = dict(cursor or {"list": _LISTS[0]})
    name, token = walk["list"], walk.get("token")
    since = {"start_time": int((window.start - _BEFORE).timestamp() * 1000)} if name == "invoices" else {}
    page = await read(ctx, f"/{name}", pageSize=_PAGE, **since, **({"nextToken": token} if token else {}))
    records: list[BookRecord] = []
    facts: list[Fact] = []
    listed: list[JSONObject] = page.get("data") or []
    for item in listed:
        item_records, item_facts = await _READ[name](ctx, window, item)
        records += item_records
        facts += item_facts
    inside = [record for record in records if window.start <= record.at < window.end]
    times = [_instant(item.get("createdAt")) for item in listed] if name != "invoices" else []
    following = None if any(at < window.start for at in times) else page.get("nextToken")
    if following and following != token:
        return BookPage(records=inside, facts=facts, cursor={"list": name, "token": following}, more=True)
    rest = _LISTS[_LISTS.index(name) + 1 :]
    return BookPage(records=inside, facts=facts, cursor={"list": rest[0]} if rest else None, more=bool(rest))


async def _invoice(ctx: Ctx, window: Window, listed: JSONObject) -> tuple[list[BookRecord], list[Fact]]:
    """An invoice that was paid, or that changed within the window; drafts are nobody's debt."""
    status, is_changed = listed.get("status"), window.start <= _instant(listed.get("updatedAt")) < window.end
    if status == "DRAFT" or not (status in _PAID or is_changed):
        return [], []
    said = await read(ctx, at("invoices", text_of(listed["id"])))
    whole = invoice(said, text_of((listed.get("metadata") or {}).get("currency")))
    owner, changed_at = text_of(said.get("ownerId")), _instant(said.get("updatedAt"))
    origin = replace(ctx.origin, happened_at=changed_at)
    facts: list[Fact] = [money.invoice_fact(whole, owner, origin)]
    if whole["status"] == "REFUND_COMPLETED":
        facts.append(money.refund_fact({**whole, "id": f"{whole['id']}/refund"}, whole["id"], origin))
    return _records(whole, owner, changed_at) if status in _PAID else [], facts


def _records(whole: JSONObject, owner: str, changed_at: datetime) -> list[BookRecord]:
    currency = whole["currency"]
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


async def _payment(ctx: Ctx, _window: Window, listed: JSONObject) -> tuple[list[BookRecord], list[Fact]]:
    facts = money.payment_facts(payment(listed), text_of(listed.get("accountId")), ctx.origin)
    return _receipts(listed), facts


async def _credit(ctx: Ctx, _window: Window, listed: JSONObject) -> tuple[list[BookRecord], list[Fact]]:
    currency = text_of(listed.get("creditUnit")).upper()
    credit: JSONObject = {
        "id": listed["id"],
        "amount": major(listed.get("creditAmount"), currency),
        "used": major(listed.get("consumedAmount"), currency),
        "currency": currency,
        "purpose": text_of(listed.get("purpose")),
        "status": text_of(listed.get("status")),
    }
    origin = replace(ctx.origin, happened_at=_instant(listed.get("createdAt")))
    return [], money.credit_facts(credit, text_of(listed.get("accountId")), origin)


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


_READ = {"invoices": _invoice, "payments": _payment, "credits": _credit}
"""How the items of a list are read."""

BOOKS = Books(
    shelf="billing",
    read=read_books,
    writes={"record_payment": "receipt"},
    told_as=("invoice.paid:{id}", "invoice.paid/{id}"),
    refund_told_as=("invoice.refunded:{id}", "invoice.refunded/{id}"),
)
