"""The ready-made Razorpay flows, end to end: workspace, hub and twins, with everything that goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from affluent.kit.jsons import loads
from affluent.services.errors import Conflict
from affluent.store import tables
from tests.contract.razorpay.market import SECRET, Market, market

NOT_ASKED = "No request was made, because nothing is open on the invoice, or the account has no RazorPayCustomerId."


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Market]:
    """Workspace, hub and twins, connected."""
    async with market(tmp_path) as here:
        await here.connect()
        yield here


async def test_a_new_account_becomes_a_customer_and_an_invoice_a_request_that_is_paid_and_recorded(
    shop: Market,
) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.enable("create_payment_request")
    await shop.enable("mark_invoice_paid")
    account = await shop.account()
    books = shop.razorpay.books()
    assert (await shop.settings())["RazorPayCustomerId"] == books["customers"][0]["id"]
    (identity,) = await shop.rows(tables.identities)
    assert (identity.account_id, identity.kind, identity.external_id) == (
        account,
        "customer",
        books["customers"][0]["id"],
    )
    assert books["customers"][0]["notes"] == {"togai_account_id": "ACC-1", "togai_customer_id": "CUS-1"}
    invoice = await shop.invoice(account)
    (request,) = shop.razorpay.books()["invoices"]
    assert (request["amount"], request["currency"], request["receipt"]) == (249900, "INR", invoice)
    assert {name: (await shop.settings())[name] for name in ("RazorPayInvoiceId", "RazorPayPaymentUrl")} == {
        "RazorPayInvoiceId": request["id"], "RazorPayPaymentUrl": request["short_url"],
    }  # fmt: skip
    await shop.control("deliver", repeat=3, reverse=True)
    paid = (await shop.control("pay", id=request["id"]))["payment"]
    await shop.settle()
    assert await shop.payments() == [(paid["id"], Decimal(2499))]
    assert await shop.status(invoice) == "PAID"
    assert {end for end in await shop.ends() if end[0] != "succeeded"} == {("skipped", NOT_ASKED)}  # once it is paid


async def test_with_payment_links_the_same(shop: Market) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.enable("create_payment_request", kind="payment link")
    await shop.enable("mark_invoice_paid_by_link")
    invoice = await shop.invoice(await shop.account())
    (link,) = shop.razorpay.books()["payment_links"]
    assert (link["reference_id"], link["amount"], shop.razorpay.books()["invoices"]) == (invoice, 249900, [])
    await shop.control("pay", id=link["id"], method="upi", notes=False)
    await shop.settle()
    assert await shop.status(invoice) == "PAID"


async def test_an_account_that_razorpay_does_not_know_is_left_out_with_the_reason(shop: Market) -> None:
    await shop.enable("create_payment_request")
    await shop.invoice(await shop.account())
    assert shop.razorpay.books()["invoices"] == []
    assert await shop.ends() == [("skipped", NOT_ASKED)]


async def test_less_than_a_rupee_is_not_asked_for(shop: Market) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.enable("create_payment_request")
    await shop.invoice(await shop.account(), "0.99")
    assert shop.razorpay.books()["invoices"] == []
    assert (await shop.ends())[-1] == ("skipped", NOT_ASKED)


@pytest.mark.parametrize("kind", ["invoice", "payment link"])
async def test_a_lost_answer_makes_no_second_request(shop: Market, kind: str) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.enable("create_payment_request", kind=kind)
    account = await shop.account()
    shop.razorpay.drop_answer(path="/payment_links") if kind == "payment link" else await _lose_the_third(shop)
    await shop.invoice(account)
    books = shop.razorpay.books()
    assert [len(books["invoices"]), len(books["payment_links"])] == ([1, 0] if kind == "invoice" else [0, 1])
    assert (await shop.ends())[-1][0] == "succeeded"
    assert "1 applied before and not repeated" in (await shop.ends())[-1][1]


async def _lose_the_third(shop: Market) -> None:
    """Two look-ups go well, then the answer to the invoice is lost."""
    for path in ("/v1/invoices",) * 2:
        shop.razorpay.slow(0, path=path)
    shop.razorpay.drop_answer(path="/v1/invoices")


async def test_partial_payments_are_recorded_one_by_one(shop: Market) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.enable("create_payment_request")
    await shop.enable("record_partial_payment")
    await shop.enable("mark_invoice_paid")
    invoice = await shop.invoice(await shop.account())
    (request,) = shop.razorpay._books.invoices.values()
    request["partial_payment"] = True
    await shop.control("pay", id=request["id"], amount=100000)
    await shop.settle()
    assert await shop.status(invoice) == "PARTIALLY_PAID"
    await shop.control("pay", id=request["id"])
    await shop.settle()
    assert await shop.status(invoice) == "PAID"
    assert sorted(amount for _, amount in await shop.payments()) == [Decimal(1000), Decimal(1499)]


async def test_an_invoice_that_the_merchant_made_by_hand_is_not_ours(shop: Market) -> None:
    await shop.enable("mark_invoice_paid")
    customer = shop.razorpay._books.create_customer({"email": "x@n.example"})
    line = {"name": "Consulting", "amount": 500}
    made = shop.razorpay._books.create_invoice({"type": "invoice", "customer_id": customer["id"], "line_items": [line]})
    await shop.control("pay", id=made["id"])
    await shop.settle()
    assert await shop.ends() == [("skipped", "This was not asked for by a billing invoice; its notes name none.")]


async def test_a_referred_payment_is_one_sale_however_often_it_is_told(tmp_path: Path, database_url: str) -> None:
    async with market(tmp_path, database_url) as shop:
        await shop.connect()
        await _play_a_referred_sale(shop)


async def _play_a_referred_sale(shop: Market) -> None:
    for key in ("sync_new_accounts", "sync_accounts_to_razorpay", "create_payment_request", "mark_invoice_paid"):
        await shop.enable(key)
    plan = await shop.plan()
    await shop.enable("track_sale_on_razorpay_payment", default_plan=plan)
    account = await shop.account(tid="tid_1")
    invoice = await shop.invoice(account)
    (request,) = shop.razorpay.books()["invoices"]
    await shop.control("deliver", repeat=5, reverse=True)
    await shop.control("pay", id=request["id"])
    await shop.settle()
    books = shop.promoter.books()
    assert books["sales"] == [{"event_id": invoice, "amount": 249900, "currency": "INR", "uid": account}]
    assert len(books["commissions"]) == 1
    attached = await shop.bill("GET", f"/accounts/{account}/pricing_schedules")
    assert len(attached["data"]) == 1
    assert "FirstPromoterSaleId" in await shop.settings()
    assert await shop.status(invoice) == "PAID"
    assert {end for end in await shop.ends() if end[0] != "succeeded"} == {("skipped", NOT_ASKED)}


async def test_a_payment_nobody_referred_is_a_normal_end(shop: Market) -> None:
    await shop.enable("track_sale_on_razorpay_payment")
    link = shop.razorpay._books.create_payment_link(
        {"amount": 500, "currency": "INR", "customer": {"email": "a@b.example"}}
    )
    await shop.control("pay", id=link["id"])
    await shop.settle()
    ((state, sentence),) = await shop.ends()
    assert state == "skipped"
    assert sentence.lower().startswith("not referred")


async def test_two_flows_that_track_the_same_money_cannot_both_be_enabled(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    with pytest.raises(Conflict, match="same money twice"):
        await shop.enable("track_sale_on_razorpay_payment")


async def test_a_webhook_is_refused_without_the_right_signature_and_accepted_during_a_rotation(shop: Market) -> None:
    await shop.enable("track_sale_on_razorpay_payment")
    hook = shop.razorpay.webhooks.hooks[0].url
    body = b'{"entity":"event","event":"payment.captured","payload":{}}'
    async with shop.http.post(hook, data=body, headers={"X-Razorpay-Signature": "0" * 64}) as answer:
        assert answer.status == 401
    await shop.hub.connections.update(
        shop.connections["razorpay"],
        fields={"webhook_secret": "the-next-secret"},
    )
    shop.hub.hooks._hooks.forget()
    link = shop.razorpay._books.create_payment_link({"amount": 500, "currency": "INR"})
    answered = await shop.control("pay", id=link["id"])
    assert {tuple(item["statuses"]) for item in answered["deliveries"]} == {(200,)}
    await shop.control("webhook", url=hook, secret="the-next-secret")
    link = shop.razorpay._books.create_payment_link({"amount": 600, "currency": "INR"})
    answered = await shop.control("pay", id=link["id"])
    assert {tuple(item["statuses"]) for item in answered["deliveries"]} == {(200,)}


async def test_an_outage_of_razorpay_loses_and_doubles_nothing(shop: Market) -> None:
    await shop.enable("sync_accounts_to_razorpay")
    await shop.control("fail", status=503, times=2, path="/customers")
    await shop.account()
    assert len(shop.razorpay.books()["customers"]) == 1
    assert [call["status"] for call in shop.razorpay.calls if call["path"].endswith("/customers")] == [503, 503, 200]


async def test_what_is_sent_again_after_an_outage_of_ours_arrives_once(shop: Market) -> None:
    link_id = await shop.enable("track_sale_on_razorpay_payment")
    await shop.hub.flow_connections.disable(link_id)
    link = shop.razorpay._books.create_payment_link(
        {"amount": 500, "currency": "INR", "customer": {"email": "a@b.example"}}
    )
    refused = await shop.control("pay", id=link["id"])
    assert {tuple(item["statuses"]) for item in refused["deliveries"]} == {(410,)}
    await shop.hub.flow_connections.enable(link_id)
    shop.hub.hooks._hooks.forget()
    await shop.control("advance", seconds=600)
    await shop.control("advance", seconds=6000)
    await shop.settle()
    assert len(await shop.ends()) == 1
    assert loads(shop.promoter.calls[-1]["body"])["amount"] == 500


async def test_the_address_of_every_flow_added_at_razorpay_still_makes_one_sale_and_one_payment(shop: Market) -> None:
    for key in ("sync_new_accounts", "sync_accounts_to_razorpay", "create_payment_request"):
        await shop.enable(key)
    for key in ("mark_invoice_paid", "track_sale_on_razorpay_payment"):
        link = await shop.hub.flow_connections.get(await shop.enable(key))
        await shop.control("webhook", url=link.webhook_url, secret=SECRET)
    await shop.invoice(await shop.account(tid="tid_1"))
    (request,) = shop.razorpay.books()["invoices"]
    told = await shop.control("pay", id=request["id"])
    await shop.settle()
    assert len({item["event_id"] for item in told["deliveries"]}) == 8
    assert (len(shop.promoter.books()["sales"]), len(await shop.payments())) == (1, 1)
    assert {run for run in await shop.ends() if run[0] != "succeeded"} == {("skipped", NOT_ASKED)}


async def test_a_payment_whose_webhook_never_came_is_fetched_and_tracked_once(shop: Market) -> None:
    await shop.enable("sync_new_accounts")
    await shop.enable("track_sale_on_razorpay_payment")
    account = await shop.account(tid="tid_1")
    await shop.control("advance", seconds=-3600)
    notes = {"togai_account_id": account, "togai_customer_id": "CUS-1"}
    heard = shop.razorpay._books.create_payment_link({"amount": 500, "currency": "INR", "notes": notes})
    await shop.control("pay", id=heard["id"])
    await shop.control("deliver", drop=["payment.captured"])
    missed = shop.razorpay._books.create_payment_link({"amount": 700, "currency": "INR", "notes": notes})
    await shop.control("pay", id=missed["id"])
    await shop.settle()
    assert [sale["amount"] for sale in shop.promoter.books()["sales"]] == [500]
    await shop.sweep()
    await shop.sweep()
    assert [sale["amount"] for sale in shop.promoter.books()["sales"]] == [500, 700]
    captured = [row for row in await shop.rows(tables.events) if row.type == "payment.captured"]
    assert len(captured) == 2


async def test_a_flow_of_ones_own_on_another_event_of_the_sale_has_the_same_effect(shop: Market) -> None:
    for key in ("sync_new_accounts", "sync_accounts_to_razorpay", "create_payment_request"):
        await shop.enable(key)
    await shop.enable("track_sale_on_razorpay_payment")
    sale = {
        "event_id": "{{ trigger.sale_id }}", "uid": "{{ trigger.account_id }}", "amount": "{{ trigger.net_minor }}",
        "currency": "{{ trigger.currency }}",
    }  # fmt: skip
    draft = {
        "name": "My own tracking", "type": "inbound", "trigger": {"app": "razorpay", "trigger": "invoice_paid"},
        "steps": [{"id": "sale", "app": "firstpromoter", "action": "track_sale", "inputs": sale}],
    }  # fmt: skip
    flow = await shop.hub.flows.create(draft, publish=True)
    bindings = {"trigger": shop.connections["razorpay"], "sale": shop.connections["firstpromoter"]}
    await shop.hub.flow_connections.create(flow_id=flow.flow.id, name="Mine", bindings=bindings)
    invoice = await shop.invoice(await shop.account(tid="tid_1"))
    (request,) = shop.razorpay.books()["invoices"]
    await shop.control("pay", id=request["id"], notes=False)
    await shop.settle()
    assert [call["path"] for call in shop.promoter.calls if call["path"].endswith("/track/sale")] == [
        "/firstpromoter/api/v2/track/sale"
    ]
    assert [item["event_id"] for item in shop.promoter.books()["sales"]] == [invoice]
    assert {state for state, _ in await shop.ends()} == {"succeeded"}


async def _counting_flow(shop: Market, trigger: str) -> None:
    """A private flow without any effect of its own, which would hide a second run."""
    draft = {
        "name": f"Count {trigger}", "type": "inbound", "trigger": {"app": "razorpay", "trigger": trigger},
        "steps": [{"id": "go", "app": "flow_control", "action": "filter", "inputs": {"keep": "{{ true }}"}}],
    }  # fmt: skip
    flow = await shop.hub.flows.create(draft, publish=True)
    made = await shop.hub.flow_connections.create(
        flow_id=flow.flow.id, name="Count", bindings={"trigger": shop.connections["razorpay"]}
    )
    await shop.control("webhook", url=made.flow_connection.webhook_url, secret=SECRET)


async def _told(shop: Market) -> list[str]:
    """The types of the events so far, and every run a line."""
    runs = await shop.rows(tables.runs)
    events = await shop.rows(tables.events)
    assert len(runs) == len({row.event_id for row in runs}), "an event started one flow twice"
    return sorted(row.type for row in events)


@pytest.mark.parametrize("first", ["a list", "the webhook"])
async def test_each_event_of_a_sale_is_one_whether_a_list_or_the_webhook_tells_it_first(
    tmp_path: Path, database_url: str, first: str
) -> None:
    async with market(tmp_path, database_url) as shop:
        await shop.connect()
        for trigger in ("payment_captured", "order_paid", "payment_link_paid"):
            await _counting_flow(
                shop, trigger
            )  # an address each: every event is sent to all three, under three event ids
        is_healed_first = first == "a list"
        told = ["order.paid", "payment.authorized", "payment.captured", "payment_link.paid"]
        listed = [told[0], *told[2:]]
        await shop.control("advance", seconds=-3600)
        link = shop.razorpay._books.create_payment_link({"amount": 500, "currency": "INR"})
        await shop.control("deliver", drop=told if is_healed_first else [])
        await shop.control("pay", id=link["id"])
        await shop.settle()
        assert await _told(shop) == ([] if is_healed_first else told)
        await shop.sweep()
        assert await _told(shop) == (listed if is_healed_first else told)
        for delivery in shop.razorpay.webhooks.deliveries:  # late, or once more
            delivery.state, delivery.next_at = "pending", 0
        await shop.control("advance", seconds=1)
        await shop.settle()
        assert await _told(shop) == told
        assert len(shop.razorpay.webhooks.deliveries) == 12
        assert {tuple(item.statuses)[-1] for item in shop.razorpay.webhooks.deliveries} == {200}
        assert len(await shop.rows(tables.runs)) == 3
