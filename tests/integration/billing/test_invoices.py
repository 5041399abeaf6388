"""Invoices and payments: which moves are legal, what each tells, what is refused."""

from __future__ import annotations

import pytest

from affluent.kit.jsons import loads
from tests.support.workspace import PERIOD, payment


async def _move(desk, invoice, *statuses):
    for status in statuses:
        invoice = await desk.done("PATCH", f"/invoices/{invoice['id']}", {"status": status})
    return invoice


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("DUE",), ["invoice.generated"]),
        (("VOID",), ["invoice.updated"]),
        (("DUE", "PAID"), ["invoice.generated", "invoice.paid"]),
        (("DUE", "VOID"), ["invoice.generated", "invoice.updated"]),
        (("DUE", "UN_COLLECTIBLE", "PAID"), ["invoice.generated", "invoice.updated", "invoice.paid"]),
        (
            ("DUE", "PAID", "REFUND_INITIATED", "REFUND_COMPLETED"),
            ["invoice.generated", "invoice.paid", "invoice.updated", "invoice.refunded"],
        ),
    ],
)
async def test_a_legal_move_tells_one_event(desk, path, told):
    await desk.customer()
    draft = await desk.invoice(10, status="DRAFT")
    assert "sequenceId" not in draft
    assert (await _move(desk, draft, *path))["status"] == path[-1]
    assert [row.type for row in await desk.events() if row.type.startswith("invoice.")] == told


@pytest.mark.parametrize(
    ("path", "wrong", "instead"),
    [
        ((), "PAID", "DUE or VOID"),
        (("DUE",), "REFUND_INITIATED", "PAID or UN_COLLECTIBLE or VOID"),
        (("DUE", "PAID"), "VOID", "REFUND_INITIATED"),
        (("DUE", "PAID"), "REFUND_COMPLETED", "REFUND_INITIATED"),
        (("DUE", "VOID"), "DUE", "it stays so"),
    ],
)
async def test_an_illegal_move_is_refused_and_says_what_is_possible(desk, path, wrong, instead):
    await desk.customer()
    invoice = await _move(desk, await desk.invoice(10, status="DRAFT"), *path)
    status, message = await desk.refused("PATCH", f"/invoices/{invoice['id']}", {"status": wrong})
    assert status == 400
    assert instead in message


async def test_the_status_that_it_has_already_changes_nothing(desk):
    await desk.customer()
    invoice = await _move(desk, await desk.invoice(10), "PAID", "PAID")
    assert invoice["paidAmount"] == 10
    assert len(await desk.events("invoice.paid")) == 1


async def test_an_invoice_made_as_paid_is_generated_and_paid(desk):
    await desk.customer()
    invoice = await desk.invoice(10, status="PAID")
    assert invoice["paidAmount"] == 10
    told = [row.type for row in await desk.events() if row.type.startswith("invoice.")]
    assert sorted(told) == ["invoice.generated", "invoice.paid"]


async def test_a_refund_tells_what_went_back(desk):
    await desk.customer()
    line = {"description": "Growth", "value": 100, "taxAmount": 19}
    invoice = await desk.done(
        "POST", "/invoices", {"accountId": "ACC-1", **PERIOD, "status": "PAID", "lineItems": [line]}
    )
    await _move(desk, invoice, "REFUND_INITIATED", "REFUND_COMPLETED")
    (event,) = await desk.events("invoice.refunded")
    refund = loads(event.payload)["refund"]
    assert (refund["net"], refund["tax"], refund["total"], refund["currency"]) == ("100.00", "19.00", "119.00", "USD")
    assert refund["id"].startswith("refund.")


async def test_a_part_payment_tells_of_itself_and_of_the_invoice(desk):
    await desk.customer()
    invoice = await desk.invoice(100)
    await desk.done("POST", "/payments", payment(invoice["id"], 30))
    (event,) = await desk.events("invoice.updated")
    told = loads(event.payload)
    assert (told["previous_status"], told["invoice"]["status"], told["invoice"]["due"]) == (
        "DUE",
        "PARTIALLY_PAID",
        "70.00",
    )
    (recorded,) = await desk.events("payment.recorded")
    assert loads(recorded.payload)["payment"]["invoice_ids"] == [invoice["id"]]


async def test_one_payment_may_pay_several_invoices(desk):
    await desk.customer()
    first, second = await desk.invoice(60), await desk.invoice(40)
    body = payment(first["id"], 60)
    body["totalAmount"] = 80
    body["lineItemRecords"].append({"type": "INVOICE", "order": 2, "togaiId": second["id"], "amount": 20})
    await desk.done("POST", "/payments", body)
    found = await desk.done("GET", "/invoices?owner_id=ACC-1")
    assert [one["status"] for one in found["data"]] == ["PARTIALLY_PAID", "PAID"]


async def test_the_very_same_payment_again_answers_the_first(desk):
    await desk.customer()
    invoice = await desk.invoice(100)
    first = await desk.done("POST", "/payments", payment(invoice["id"], 30))
    again = await desk.done("POST", "/payments", payment(invoice["id"], 30))
    other = await desk.done("POST", "/payments", payment(invoice["id"], 30, number="TX-2"))
    assert first["id"] == again["id"] != other["id"]
    assert (await desk.done("GET", f"/invoices/{invoice['id']}"))["paidAmount"] == 60


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": 100.01, "totalAmount": 100.01}, "USD 100.01 is more than is due"),
        ({"totalAmount": 99}, "totalAmount: Must be the sum"),
        ({"amount": 0.001, "totalAmount": 0.001}, "totalAmount: 0.001 has more decimals than USD allows"),
        ({"amount": 0, "totalAmount": 0}, "totalAmount: Must be more than zero"),
        ({"amount": -5, "totalAmount": -5}, "totalAmount: Must not be negative"),
        ({"currency": "EUR"}, "currency: The account is billed in USD"),
        ({"currency": "XXQ"}, "currency: 'XXQ' is not an ISO 4217 currency code"),
        ({"togaiId": "inv.none"}, "There is no invoice 'inv.none'"),
        ({"accountId": "ACC-2"}, "is not one of account ACC-2"),
        ({"type": "WALLET_CREDIT"}, "lineItemRecords.0.type"),
    ],
)
async def test_a_payment_that_cannot_be_is_refused_in_words(desk, change, said):
    await desk.customer()
    await desk.done("POST", "/accounts", {"id": "ACC-2", "name": "Other", "customerId": "CUS-1"})
    invoice = await desk.invoice(100)
    body = payment(invoice["id"], 100)
    for name, value in change.items():
        target = body if name in body else body["lineItemRecords"][0]
        target[name] = value
    _, message = await desk.refused("POST", "/payments", body)
    assert said in message
    assert await desk.events("payment.recorded") == []


@pytest.mark.parametrize("path", [(), ("DUE", "VOID"), ("DUE", "PAID")])
async def test_nothing_is_paid_where_nothing_is_due(desk, path):
    await desk.customer()
    invoice = await _move(desk, await desk.invoice(100, status="DRAFT"), *path)
    status, message = await desk.refused("POST", "/payments", payment(invoice["id"], 100))
    assert (status, "nothing is due" in message) == (400, True)


async def test_an_uncollectible_invoice_is_paid_in_full_or_not(desk):
    await desk.customer()
    invoice = await _move(desk, await desk.invoice(100), "UN_COLLECTIBLE")
    assert "in full" in (await desk.refused("POST", "/payments", payment(invoice["id"], 50)))[1]
    await desk.done("POST", "/payments", payment(invoice["id"], 100))
    assert len(await desk.events("invoice.paid")) == 1


@pytest.mark.parametrize(
    ("line", "net"),
    [
        ({"valuePerQuantity": 0.001, "quantity": 32109}, 32.10),
        ({"value": 10.999}, 10.99),
        ({"value": 0.1}, 0.1),
        ({"value": 0}, 0),
    ],
)
async def test_a_line_is_rounded_down_to_the_minor_unit(desk, line, net):
    await desk.customer()
    body = {"accountId": "ACC-1", **PERIOD, "status": "DUE", "lineItems": [{"description": "x", **line}]}
    assert (await desk.done("POST", "/invoices", body))["totalAmount"] == net


@pytest.mark.parametrize(
    "line",
    [{}, {"quantity": 2}, {"value": 1, "quantity": 2}, {"value": 1, "quantity": 2, "valuePerQuantity": 3}],
)
async def test_a_line_without_one_clear_value_is_refused(desk, line):
    await desk.customer()
    body = {"accountId": "ACC-1", **PERIOD, "status": "DUE", "lineItems": [{"description": "x", **line}]}
    assert (await desk.refused("POST", "/invoices", body))[1].startswith("lineItems.0: Give ")


async def test_a_draft_can_be_changed_and_an_invoice_cannot(desk):
    await desk.customer()
    draft = await desk.invoice(10, status="DRAFT")
    lines = {"lineItems": [{"description": "More", "value": 20}]}
    changed = await desk.done("PATCH", f"/invoices/{draft['id']}", {**lines, "status": "DUE"})
    assert (changed["totalAmount"], changed["sequenceId"]) == (20, "INV-1001")
    assert "only its status" in (await desk.refused("PATCH", f"/invoices/{draft['id']}", lines))[1]
    assert "Void it" in (await desk.refused("DELETE", f"/invoices/{draft['id']}"))[1]


async def test_an_idempotency_key_used_for_other_lines_is_refused(desk):
    await desk.customer()
    await desk.invoice(10, idempotencyKey="k")
    body = {"accountId": "ACC-1", **PERIOD, "status": "DUE", "idempotencyKey": "k"}
    lines = [{"description": "Growth, one month", "value": 11}]
    assert "idempotencyKey" in (await desk.refused("POST", "/invoices", {**body, "lineItems": lines}))[1]


async def test_invoices_are_found_by_date_and_customer(desk):
    await desk.customer()
    await desk.invoice(10)
    assert len((await desk.done("GET", "/invoices?customer_id=CUS-1&start_time=0"))["data"]) == 1
    assert (await desk.done("GET", "/invoices?end_time=1000"))["data"] == []
    assert (await desk.refused("GET", "/invoices?start_time=soon"))[1].startswith("start_time: ")


async def test_an_invoice_names_the_plan_that_was_in_force(desk):
    await desk.customer()
    plan = await desk.plan()
    await desk.done("POST", "/accounts/ACC-1/purchases", {"type": "ASSOCIATION", "pricePlanId": plan})
    invoice = await desk.invoice(10)
    assert (invoice["pricePlanId"], invoice["invoiceDetails"]["pricePlanName"]) == (plan, "Growth")
