"""The twin behaves as the reference says, and the official client can work with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from razorpay import Client
from razorpay.errors import BadRequestError

from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.tests.conftest import Desk, Listener
from affluent.apps.razorpay.webhook import parse, verify
from affluent.kit.jsons import loads

SECRET = "hook-secret-0001"
SALE = ["payment.authorized", "payment.captured", "order.paid"]


def events(listener: Listener) -> list[str]:
    return [loads(body)["event"] for body, _ in listener.received]


async def told(desk: Desk, listener: Listener, **behaviour: Any) -> str:
    """The webhook set, and an invoice to be paid."""
    await desk.control("webhook", url=listener.url, secret=SECRET)
    await desk.control("deliver", **behaviour)
    return (await desk.invoice()).id


async def test_the_official_client_works_with_the_twin(desk: Desk) -> None:
    client = Client(auth=("rzp_test_Official01", "official-secret"), base_url=desk.url)

    def play() -> dict[str, Any]:
        customer = client.customer.create({"name": "Northwind", "email": "b@n.example", "fail_existing": "0"})
        link = client.payment_link.create({"amount": 11800, "currency": "INR", "reference_id": "INV-1"})
        line = {"name": "Growth", "amount": 11800}
        invoice = client.invoice.create({"type": "invoice", "customer_id": customer["id"], "line_items": [line]})
        order = client.order.create({"amount": 500, "currency": "INR", "receipt": "R-1"})
        return {
            "customer": client.customer.fetch(customer["id"]),
            "link": link,
            "invoice": client.invoice.cancel(invoice["id"]),
            "order": order,
        }

    made = await asyncio.to_thread(play)
    assert made["customer"]["entity"] == "customer"
    assert (made["link"]["status"], made["invoice"]["status"], made["order"]["status"]) == (
        "created",
        "cancelled",
        "created",
    )


async def test_the_official_client_refunds_what_was_paid(desk: Desk) -> None:
    link = await desk.link()
    payment = (await desk.control("pay", id=link.id))["payment"]
    client = Client(auth=("rzp_test_Desk000000001", "desk-secret-0001"), base_url=desk.url)
    refund = await asyncio.to_thread(client.payment.refund, payment["id"], {"amount": 100})
    assert (refund["entity"], refund["amount"]) == ("refund", 100)


async def test_the_official_client_is_refused_with_a_wrong_key(desk: Desk) -> None:
    client = Client(auth=("rzp_test_Desk000000001", "wrong"), base_url=desk.url)
    await desk.test()
    with pytest.raises(BadRequestError, match="secret provided is invalid"):
        await asyncio.to_thread(client.customer.all)


async def test_one_sale_of_an_invoice_fires_its_events_and_the_official_client_accepts_each(
    desk: Desk, listener: Listener
) -> None:
    await desk.control("pay", id=await told(desk, listener))
    assert events(listener) == [*SALE, "invoice.paid"]
    official = Client(auth=("x", "y")).utility
    for body, headers in listener.received:
        assert official.verify_webhook_signature(body.decode(), headers["x-razorpay-signature"], SECRET) is True
        assert verify(body, headers, [SECRET])
    assert len({headers["x-razorpay-event-id"] for _, headers in listener.received}) == 4


async def test_one_sale_of_a_payment_link_fires_its_events(desk: Desk, listener: Listener) -> None:
    await told(desk, listener)
    await desk.control("pay", id=(await desk.link()).id, method="upi")
    assert events(listener) == [*SALE, "payment_link.paid"]


async def test_all_events_of_one_sale_name_the_same_sale_and_payment(desk: Desk, listener: Listener) -> None:
    await told(desk, listener)
    notes = {"togai_account_id": "ACC-1", "togai_invoice_id": "INV-7", "togai_net": "100.00", "togai_total": "118.00"}
    made = await desk.invoice("INV-7", notes=notes)
    await desk.control("pay", id=made.id)
    payloads = [parse(loads(body), headers).payload for body, headers in listener.received]
    assert {payload["sale_id"] for payload in payloads} == {"INV-7"}
    assert len({payload["payment_id"] for payload in payloads}) == 1
    assert {payload["net"] for payload in payloads} == {"100.00"}


async def test_a_part_is_told_as_a_part_and_the_last_one_as_paid(desk: Desk, listener: Listener) -> None:
    await told(desk, listener)
    made = await desk.invoice("INV-2", is_partial_allowed=True)
    await desk.control("pay", id=made.id, amount=5000)
    assert events(listener) == ["payment.authorized", "payment.captured", "invoice.partially_paid"]
    await desk.control("pay", id=made.id)
    assert events(listener)[3:] == [*SALE, "invoice.paid"]
    last = parse(loads(listener.received[-1][0]), {}).payload
    assert (last["amount"], last["invoice"]["amount_paid"]) == ("68.00", 11800)
    assert last["invoice"]["payment_id"] != last["payment_id"]


async def test_a_failed_payment_changes_nothing_but_is_told(desk: Desk, listener: Listener) -> None:
    invoice_id = await told(desk, listener)
    await desk.control("pay", id=invoice_id, fails=True)
    assert events(listener) == ["payment.failed"]
    assert desk.twin.books()["invoices"][0]["status"] == "issued"


async def test_a_refund_is_told(desk: Desk, listener: Listener) -> None:
    payment = (await desk.control("pay", id=await told(desk, listener)))["payment"]
    await desk.act("refund", payment_id=payment["id"])
    assert events(listener)[4:] == ["refund.created", "refund.processed"]


async def test_what_runs_out_is_told_and_cannot_be_paid(desk: Desk, listener: Listener) -> None:
    invoice_id = await told(desk, listener)
    await desk.control("expire", id=invoice_id)
    assert events(listener) == ["invoice.expired"]
    async with desk.http.post(f"{desk.url}/_twin/pay", json={"id": invoice_id}) as answer:
        assert (answer.status, (await answer.json())["message"]) == (
            400,
            "Refused: This invoice is expired and cannot be paid",
        )


async def test_any_other_event_can_be_told(desk: Desk, listener: Listener) -> None:
    await told(desk, listener)
    sample = app.sample("dispute_created.json")
    await desk.control(
        "emit", event="payment.dispute.created", payload={"dispute": sample["dispute"], "payment": sample["payment"]}
    )
    assert parse(loads(listener.received[0][0]), {}).payload["dispute"] == {**sample["dispute"], "notes": {}}


async def test_events_repeat_under_the_same_id_come_in_another_order_or_not_at_all(
    desk: Desk, listener: Listener
) -> None:
    invoice_id = await told(desk, listener, repeat=2, reverse=True, drop=["order.paid"])
    await desk.control("pay", id=invoice_id)
    assert events(listener) == [
        event for event in ("invoice.paid", "payment.captured", "payment.authorized") for _ in range(2)
    ]
    assert len({headers["x-razorpay-event-id"] for _, headers in listener.received}) == 3


async def test_only_the_ticked_events_are_told(desk: Desk, listener: Listener) -> None:
    await desk.control("webhook", url=listener.url, secret=SECRET, events=["invoice.paid"])
    await desk.control("pay", id=(await desk.invoice()).id)
    assert events(listener) == ["invoice.paid"]


async def test_what_was_not_heard_is_told_again_with_the_old_signature(desk: Desk, listener: Listener) -> None:
    invoice_id = await told(desk, listener)
    listener.status = 500
    await desk.control("pay", id=invoice_id)
    listener.status = 200
    await desk.control("webhook", url=listener.url, secret="the-new-secret")
    await desk.control("advance", seconds=600)
    assert len(listener.received) == 8
    for (first, before), (again, after) in zip(listener.received[:4], listener.received[4:], strict=True):
        assert (first, before["x-razorpay-event-id"]) == (again, after["x-razorpay-event-id"])
        assert verify(again, after, ["the-new-secret", SECRET])
        assert not verify(again, after, ["the-new-secret"])


async def test_a_webhook_that_fails_for_a_day_is_disabled_until_it_is_set_again(desk: Desk, listener: Listener) -> None:
    invoice_id = await told(desk, listener)
    listener.status = 500
    await desk.control("pay", id=invoice_id)
    await desk.control("advance", seconds=3600)
    assert desk.twin.webhooks.shown()["webhooks"][0]["active"] is True
    await desk.control("advance", seconds=24 * 3600)
    shown = desk.twin.webhooks.shown()
    assert shown["webhooks"][0]["active"] is False
    assert {item["state"] for item in shown["deliveries"]} == {"given_up"}
    listener.received.clear()
    await desk.control("pay", id=(await desk.invoice("INV-9")).id)
    assert listener.received == []
    await desk.control("webhook", url=listener.url, secret=SECRET)
    await desk.control("pay", id=(await desk.link("INV-10")).id)
    assert len(listener.received) == 4


async def test_a_refused_request_names_code_description_and_field(desk: Desk) -> None:
    auth = {"Authorization": "Basic cnpwX3Rlc3RfYTpi"}
    async with desk.http.post(
        f"{desk.url}/v1/payment_links", json={"amount": 1, "currency": "INR"}, headers=auth
    ) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["field"]) == (400, "BAD_REQUEST_ERROR", "amount")
    assert set(error) == {"code", "description", "source", "step", "reason", "metadata", "field"}


@pytest.mark.parametrize("header", [None, "basic cnpwX3Rlc3RfYTpi", "Basic !", "Bearer x", "Basic cnpwX2E6Yg=="])
async def test_without_a_proper_key_nothing_is_answered(desk: Desk, header: str | None) -> None:
    async with desk.http.get(f"{desk.url}/v1/customers", headers={"Authorization": header} if header else {}) as answer:
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == "BAD_REQUEST_ERROR"


async def test_lists_are_collections_newest_first_in_pages(desk: Desk) -> None:
    for number in range(12):
        await desk.link(f"INV-{number}")
        await desk.act("create_customer", email=f"{number}@n.example")
    page = await desk.act("call", path="/customers")
    assert (page.body["entity"], page.body["count"]) == ("collection", 10)
    rest = await desk.act("call", path="/customers", query={"skip": "10", "count": "100"})
    assert [item["email"] for item in rest.body["items"]] == ["1@n.example", "0@n.example"]


async def test_empty_notes_come_back_as_a_list_or_null(desk: Desk) -> None:
    await desk.customer()
    await desk.link()
    books = desk.twin.books()
    assert (books["customers"][0]["notes"], books["payment_links"][0]["notes"]) == ([], None)


async def test_clearing_the_twin_forgets_records_keys_and_webhooks(desk: Desk, listener: Listener) -> None:
    await told(desk, listener)
    await desk.control("clear")
    assert desk.twin.books()["invoices"] == []
    assert desk.twin.webhooks.shown() == {"webhooks": [], "deliveries": []}
    assert "test key" in await desk.test(key_secret="another-secret")
