"""Calls about invoices, payments and credits."""

from __future__ import annotations

from datetime import datetime

from affluent.api.togai import answers, money_answers
from affluent.api.togai.routing import Call, Rule
from affluent.billing import Billing, schemas
from affluent.billing.errors import Refused
from affluent.kit.clock import from_micros
from affluent.kit.jsons import JSONValue

_MOST = 50


def rules(billing: Billing) -> list[Rule]:
    """What the dialect knows of money."""
    return [*_invoices(billing), *_payments(billing), *_credits(billing)]


def _invoices(billing: Billing) -> list[Rule]:
    invoices = billing.invoices

    async def create(call: Call) -> JSONValue:
        return money_answers.invoice(await invoices.create(call.body(schemas.NewInvoice)))

    async def find(call: Call) -> JSONValue:
        page = call.paging("status", "owner_id", "customer_id", "start_time", "end_time", usual=_MOST, most=_MOST)
        found = await invoices.find(
            account_id=page.filters.get("owner_id", ""),
            customer_id=page.filters.get("customer_id", ""),
            status=page.filters.get("status", ""),
            since=_time(page.filters.get("start_time", ""), "start_time"),
            until=_time(page.filters.get("end_time", ""), "end_time"),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, money_answers.listed_invoice)

    async def get(call: Call) -> JSONValue:
        return money_answers.invoice(await invoices.get(call.path["id"]))

    async def change(call: Call) -> JSONValue:
        return money_answers.invoice(await invoices.change(call.path["id"], call.body(schemas.InvoiceChange)))

    async def delete(call: Call) -> JSONValue:
        await invoices.delete(call.path["id"])
        return answers.SUCCESS

    return [
        Rule("POST", "/invoices", "invoices:write", create, 201),
        Rule("GET", "/invoices", "invoices:read", find),
        Rule("GET", "/invoices/{id}", "invoices:read", get),
        Rule("PATCH", "/invoices/{id}", "invoices:write", change),
        Rule("DELETE", "/invoices/{id}", "invoices:write", delete),
    ]


def _payments(billing: Billing) -> list[Rule]:
    payments = billing.payments

    async def create(call: Call) -> JSONValue:
        return money_answers.payment(await payments.record(call.body(schemas.NewPayment), author=call.author))

    async def find(call: Call) -> JSONValue:
        page = call.paging("account_id", "id", usual=_MOST, most=_MOST)
        found = await payments.find(
            account_id=page.filters.get("account_id", ""),
            payment_id=page.filters.get("id", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, money_answers.payment)

    async def get(call: Call) -> JSONValue:
        return money_answers.payment(await payments.get(call.path["id"]))

    return [
        Rule("POST", "/payments", "payments:write", create, 201),
        Rule("GET", "/payments", "payments:read", find),
        Rule("GET", "/payments/{id}", "payments:read", get),
    ]


def _credits(billing: Billing) -> list[Rule]:
    granted = billing.credits

    async def grant(call: Call) -> JSONValue:
        new = await granted.grant(call.body(schemas.NewCredits))
        return {"credits": [money_answers.credit(one) for one in new]}

    async def find(call: Call) -> JSONValue:
        page = call.paging("id", "account_id", "status", usual=_MOST, most=_MOST)
        found = await granted.find(
            account_id=page.filters.get("account_id", ""),
            credit_id=page.filters.get("id", ""),
            status=page.filters.get("status", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, money_answers.credit)

    async def get(call: Call) -> JSONValue:
        return money_answers.credit_with_transactions(await granted.get(call.path["id"]))

    async def void(call: Call) -> JSONValue:
        return money_answers.credit(await granted.void(call.path["id"]))

    async def balance(call: Call) -> JSONValue:
        return money_answers.balance(await granted.balance(call.path["id"]))

    return [
        Rule("POST", "/credits", "credits:write", grant),
        Rule("GET", "/credits", "credits:read", find),
        Rule("GET", "/credits/{id}", "credits:read", get),
        Rule("POST", "/credits/{id}/void", "credits:write", void),
        Rule("GET", "/accounts/{id}/credit_balance", "credits:read", balance),
    ]


def _time(text: str, field: str) -> datetime | None:
    if not text:
        return None
    digits = text.removesuffix(".0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 14):
        raise Refused("Must be a time in milliseconds since 1970.", field=field)
    return from_micros(int(digits) * 1000)
