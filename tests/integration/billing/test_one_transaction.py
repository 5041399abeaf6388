"""A change and its event commit together, once, however often it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.store.tables import billing as tables
from tests.support.workspace import ACCOUNT, CUSTOMER, PERIOD, payment


async def test_a_refused_event_undoes_a_new_customer_with_its_account(workspace):
    workspace.refuses = True
    assert (await workspace("POST", "/customers", CUSTOMER)).status == 500
    workspace.refuses = False
    assert await workspace.count(tables.customers) == 0
    assert await workspace.count(tables.accounts) == 0
    assert await workspace.events() == []


async def test_a_refused_event_undoes_a_payment(workspace):
    await workspace.customer()
    invoice = await workspace.invoice(100)
    workspace.refuses = True
    assert (await workspace("POST", "/payments", payment(invoice["id"], 100))).status == 500
    workspace.refuses = False
    assert (await workspace.done("GET", f"/invoices/{invoice['id']}"))["status"] == "DUE"
    assert await workspace.count(tables.payments) == 0
    assert await workspace.events("payment.recorded", "invoice.paid") == []


async def test_a_refused_event_gives_the_invoice_number_back(workspace):
    await workspace.customer()
    workspace.refuses = True
    body = {"accountId": "ACC-1", **PERIOD, "status": "DUE", "lineItems": [{"description": "x", "value": 1}]}
    assert (await workspace("POST", "/invoices", body)).status == 500
    workspace.refuses = False
    assert (await workspace.invoice(1))["sequenceId"] == "INV-1001"


async def test_a_refused_event_undoes_an_attached_plan(workspace):
    await workspace.customer()
    plan = await workspace.plan()
    workspace.refuses = True
    day = clock.now().date().isoformat()
    body = {"mode": "ASSOCIATE", "pricePlanId": plan, "effectiveFrom": day, "effectiveUntil": "9999-01-01"}
    assert (await workspace("POST", "/accounts/ACC-1/price_plans", body)).status == 500
    workspace.refuses = False
    assert await workspace.count(tables.pricing_schedules) == 0


async def test_payments_in_parallel_pay_an_invoice_once(workspace):
    await workspace.customer()
    invoice = await workspace.invoice(100)
    bodies = [payment(invoice["id"], 100, number=f"TX-{number}") for number in range(8)]
    answers = await asyncio.gather(*(workspace("POST", "/payments", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 7
    assert len(await workspace.events("invoice.paid")) == 1
    assert await workspace.count(tables.payments) == 1


async def test_the_same_requests_in_parallel_have_one_effect_and_one_event(workspace):
    await workspace.customer()
    line = [{"description": "Growth", "value": 10}]
    invoice = {"accountId": "ACC-1", **PERIOD, "status": "DUE", "idempotencyKey": "k", "lineItems": line}
    credit = {
        "creditRequests": [
            {
                "accountId": "ACC-1",
                "purpose": "REWARD",
                "priority": 1,
                "creditAmount": 5,
                "effectiveFrom": "2026-01-01",
                "idempotencyKey": "k",
            }
        ]
    }
    purchase = {"type": "ASSOCIATION", "pricePlanId": await workspace.plan(), "idempotencyKey": "k"}
    asked = [("/invoices", invoice), ("/credits", credit), ("/accounts/ACC-1/purchases", purchase)] * 5
    answers = await asyncio.gather(*(workspace("POST", path, body) for path, body in asked))
    assert {answer.status for answer in answers} == {200, 201}
    assert len({answer.json["id"] for answer in answers[::3]}) == 1
    assert len({answer.json["credits"][0]["id"] for answer in answers[1::3]}) == 1
    assert len({answer.json["id"] for answer in answers[2::3]}) == 1
    wanted = ("invoice.generated", "credit.granted", "price_plan.attached")
    assert len(await workspace.events(*wanted)) == len(wanted)


async def test_a_customer_created_twice_in_parallel_is_there_once(workspace):
    answers = await asyncio.gather(*(workspace("POST", "/customers", CUSTOMER) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await workspace.events("customer.created")) == 1


async def test_invoices_in_parallel_are_numbered_without_gap_or_double(workspace):
    await workspace.customer()
    made = await asyncio.gather(*(workspace.invoice(1) for _ in range(12)))
    assert sorted(one["sequenceId"] for one in made) == [f"INV-{number}" for number in range(1001, 1013)]


async def test_an_event_carries_account_and_customer_as_they_were(workspace):
    setting = {"id": "FirstPromoterTid", "value": "tid_1", "namespace": "USER", "name": "Tid", "dataType": "STRING"}
    account = {**ACCOUNT, "settings": [setting], "aliases": ["northwind"], "metadata": {"segment": "smb"}}
    await workspace.done(
        "POST", "/customers", {**CUSTOMER, "settings": [{**setting, "id": "Tier"}], "account": account}
    )
    await workspace.done("PATCH", "/accounts/ACC-1", {"name": "Renamed"})
    created, updated = await workspace.events("account.created", "account.updated")
    before, after = loads(created.payload), loads(updated.payload)
    assert (before["account"]["name"], after["account"]["name"]) == ("Northwind Labs", "Renamed")
    assert after["changes"] == ["name"]
    assert before["account"]["settings"] == {"FirstPromoterTid": "tid_1"}
    assert before["customer"]["settings"] == {"Tier": "tid_1"}
    assert (before["account"]["aliases"], before["account"]["metadata"]) == (["northwind"], {"segment": "smb"})
    assert (created.account_id, created.customer_id, created.source, created.app) == (
        "ACC-1",
        "CUS-1",
        "workspace",
        "togai",
    )


@pytest.mark.parametrize(
    ("currency", "net", "tax", "paid", "texts"),
    [
        ("USD", "2499.00", "449.82", "2948.82", ["2499.00", "449.82", "2948.82"]),
        ("JPY", "320000", "32000", "352000", ["320000", "32000", "352000"]),
        ("KWD", "741.255", "0.001", "741.256", ["741.255", "0.001", "741.256"]),
        ("INR", "99999999999.99", "0.01", "100000000000.00", ["99999999999.99", "0.01", "100000000000.00"]),
    ],
)
async def test_money_is_exact_in_every_currency(workspace, currency, net, tax, paid, texts):
    await workspace.customer(invoiceCurrency=currency)
    line = f'{{"description": "Growth", "value": {net}, "taxAmount": {tax}}}'
    raw = (
        '{"accountId": "ACC-1", "startDate": "2026-07-01", "endDate": "2026-07-31", "status": "DUE",'
        f' "lineItems": [{line}]}}'
    )
    invoice = await workspace("POST", "/invoices", raw=raw.encode())
    assert f'"totalAmount":{paid},'.encode() in invoice.body
    settled = payment(invoice.json["id"], 0, currency=currency)
    del settled["lineItemRecords"][0]["amount"]
    answer = await workspace(
        "POST", "/payments", raw=_json(settled).replace('"totalAmount":0', f'"totalAmount":{paid}').encode()
    )
    assert answer.status == 201, answer.body
    (event,) = await workspace.events("invoice.paid")
    told = loads(event.payload)["invoice"]
    assert [told["net"], told["tax"], told["total"]] == texts
    assert (told["paid"], told["due"].strip("0.")) == (texts[2], "")
    assert (event.amount_minor, event.currency) == (int(net.replace(".", "")), currency)


def _json(value):
    from affluent.kit.jsons import dumps

    return dumps(value)
