"""Listed items made whole: with the account, the customer, their settings and the plan of today, as events carry them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from affluent.apps.togai.client import Ctx, at, major, number, pages, plain, read
from affluent.apps.togai.directory import account_record
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.sdk import Incoming, Rejected


async def whole_customer(ctx: Ctx, item: Incoming) -> Incoming:
    """The customer with its settings."""
    said = item.payload["customer"]
    return replace(item, payload={"customer": _customer(said, await _settings(ctx, "CUSTOMER", said["id"]))})


async def whole_account(ctx: Ctx, item: Incoming) -> Incoming:
    """The account with its settings, plan and customer."""
    return replace(item, payload=await _owner_of(ctx, item.payload["account"]))


async def whole_schedule(ctx: Ctx, item: Incoming) -> Incoming:
    """The plan with the account and its customer."""
    plan = await _read(ctx, at("price_plans", item.payload["price_plan"]["id"])) or item.payload["price_plan"]
    owner = await _owner_of(ctx, item.payload["account"])
    return replace(item, payload={**item.payload, **owner, "price_plan": _price_plan(plan)})


async def whole_invoice(ctx: Ctx, item: Incoming) -> Incoming:
    """The invoice with net, tax and lines, its account and its customer."""
    said = await read(ctx, at("invoices", item.payload["invoice"]["id"]))
    owner = await _owner(ctx, text_of(said.get("ownerId")), text_of(said.get("customerId")))
    whole = invoice(said, owner["account"]["currency"])
    payload: JSONObject = {"invoice": whole, **owner}
    if item.type in ("invoice.updated", "invoice.paid"):
        payload["previous_status"] = ""
    if item.type == "invoice.refunded":
        money = {name: whole[name] for name in ("net", "tax", "total", "currency")}
        payload["refund"] = {"id": f"{whole['id']}/refund", **money}
    return replace(item, payload=payload)


async def whole_payment(ctx: Ctx, item: Incoming) -> Incoming:
    """The payment with its account and customer."""
    listed = item.payload["payment"]
    return replace(item, payload={"payment": payment(listed), **await _owner(ctx, text_of(listed.get("accountId")))})


def payment(listed: JSONObject) -> JSONObject:
    """A payment of an answer as events carry it."""
    reference, currency = listed.get("externalPaymentReferences") or {}, text_of(listed.get("currency"))
    lines = payment_lines(listed)
    return {
        "id": listed["id"],
        "amount": major(listed.get("totalAmount"), currency),
        "currency": currency,
        "source": text_of(reference.get("sourceType")),
        "reference": text_of(reference.get("transactionNumber")),
        "invoice_ids": [line["invoice_id"] for line in lines],
        "lines": lines,
        "created_at": listed.get("createdAt"),
    }


def payment_lines(listed: JSONObject) -> list[JSONObject]:
    """How much of a payment goes to each invoice; a single line need not say so, it is the whole."""
    records = listed.get("lineItemRecords") or []
    whole = listed.get("totalAmount") if len(records) == 1 else None
    currency = text_of(listed.get("currency"))
    return [
        {
            "invoice_id": text_of(line["togaiId"]),
            "amount": major(line["amount"] if line.get("amount") is not None else whole, currency),
        }
        for line in records
        if line.get("type") == "INVOICE" and line.get("togaiId")
    ]


async def whole_credit(ctx: Ctx, item: Incoming) -> Incoming:
    """The credit with its account and customer."""
    said = item.payload["credit"]
    owner = await _owner(ctx, text_of(said.get("accountId")))
    currency = owner["account"]["currency"] or text_of(said.get("creditUnit"))
    credit: JSONObject = {
        "id": said["id"],
        "amount": major(said.get("creditAmount"), currency),
        "currency": currency,
        "purpose": text_of(said.get("purpose")),
        "priority": said.get("priority") or 1,
        "effective_from": text_of(said.get("effectiveFrom"))[:10],
        "effective_until": text_of(said.get("effectiveUntil"))[:10] or None,
        "grantor_id": text_of(said.get("grantorId")),
    }
    return replace(item, payload={"credit": credit, **owner})


def invoice(said: JSONObject, account_currency: str) -> JSONObject:
    """An invoice of an answer as events carry it. Net is what Togai says, else the total without the taxes among its lines."""
    details, metadata = said.get("invoiceDetails") or {}, said.get("metadata") or {}
    currency = text_of((details.get("account") or {}).get("invoiceCurrency")) or account_currency
    total, paid = number(said.get("totalAmount")), number(said.get("paidAmount"))
    tax = (
        number(metadata.get("taxAmount"))
        if "taxAmount" in metadata
        else sum(_taxes(said.get("revenueInfo")), Decimal())
    )
    net = number(metadata["netAmount"]) if "netAmount" in metadata else total - tax
    return {
        "id": said["id"],
        "number": text_of(said.get("sequenceId")) or said["id"],
        "status": text_of(said.get("status")),
        "class": text_of(said.get("invoiceClass")) or "INVOICE",
        "type": text_of(said.get("invoiceType")) or "STANDARD",
        "currency": currency,
        "net": major(net, currency),
        "tax": major(tax, currency),
        "total": major(total, currency),
        "paid": major(paid, currency),
        "due": major(max(total - paid, Decimal()), currency),
        "start_date": said.get("startDate"),
        "end_date": said.get("endDate"),
        "due_date": said.get("dueDate"),
        "created_at": said.get("generatedAt") or said.get("invoiceDate"),
        "paid_at": metadata.get("paidAt"),
        "price_plan_id": said.get("pricePlanId"),
        "price_plan_name": details.get("pricePlanName"),
        "line_items": [_line(line, currency) for line in metadata.get("lineItems") or []],
    }


async def _owner(ctx: Ctx, account_id: str, customer_id: str = "") -> JSONObject:
    """Account and customer; a composite invoice belongs to a group, which is no account."""
    said = await _read(ctx, at("accounts", account_id))
    return await _owner_of(ctx, said or {"id": account_id, "customerId": customer_id, "status": "ACTIVE"})


async def _owner_of(ctx: Ctx, said: JSONObject) -> JSONObject:
    record = account_record(said).model_dump(mode="json")
    account_id, customer_id = record.pop("account_id"), record["customer_id"]
    plan = await _plan_of_today(ctx, account_id)
    account = {
        "id": account_id,
        **record,
        "settings": {**record["settings"], **await _settings(ctx, "ACCOUNT", account_id)},
        "price_plan_id": text_of(plan.get("pricePlanId")) or None,
        "price_plan_name": text_of(plan.get("pricePlanName") or (plan.get("pricePlanInfo") or {}).get("name")) or None,
        "created_at": None,
    }
    found = await _read(ctx, at("customers", customer_id)) if customer_id else None
    settings = await _settings(ctx, "CUSTOMER", customer_id) if found else {}
    return {"account": account, "customer": _customer(found or {"id": customer_id}, settings)}


async def _plan_of_today(ctx: Ctx, account_id: str) -> JSONObject:
    today = ctx.now.date().isoformat()
    try:
        entries = [entry async for entry in pages(ctx, at("accounts", account_id, "pricing_schedules"))]
    except Rejected as missing:
        if missing.status != 404:
            raise
        return {}
    return next((entry for entry in entries if entry["startDate"][:10] <= today <= entry["endDate"][:10]), {})


async def _settings(ctx: Ctx, kind: str, entity_id: str) -> JSONObject:
    found = pages(ctx, "/settings", entity_type=kind, entity_id=entity_id)
    return {item["id"]: plain(item.get("value")) async for item in found}


async def _read(ctx: Ctx, path: str) -> JSONObject | None:
    try:
        return await read(ctx, path)
    except Rejected as missing:
        if missing.status != 404:
            raise
        return None


def _customer(said: JSONObject, settings: JSONObject) -> JSONObject:
    return {
        "id": said["id"],
        "name": text_of(said.get("name")),
        "email": text_of(said.get("primaryEmail")),
        "status": text_of(said.get("status")) or "ACTIVE",
        "address": said.get("address") or {},
        "settings": settings,
        "created_at": said.get("createdAt"),
    }


def _price_plan(said: JSONObject) -> JSONObject:
    details = said.get("pricePlanDetails") or {}
    return {
        "id": said["id"],
        "name": text_of(said.get("name")),
        "type": text_of(said.get("type")) or "BILLING",
        "status": text_of(said.get("status")) or "ACTIVE",
        "version": said.get("version") or 1,
        "currencies": list(details.get("supportedCurrencies") or []),
    }


def _taxes(node: JSONValue) -> Iterator[Decimal]:
    """The tax totals in a tree of lines, wherever they stand."""
    if isinstance(node, list):
        for item in node:
            yield from _taxes(item)
    elif isinstance(node, dict) and node.get("type") == "TOTAL_TAX_AMOUNT":
        yield number(node.get("value"))
    elif isinstance(node, dict):
        for value in node.values():
            yield from _taxes(value)


def _line(line: JSONObject, currency: str) -> JSONObject:
    net, tax = number(line.get("value")), number(line.get("taxAmount"))
    return {
        "description": text_of(line.get("description")),
        "net": major(net, currency),
        "tax": major(tax, currency),
        "total": major(net + tax, currency),
    }
