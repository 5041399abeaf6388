"""The ready-made flows, whole: the hub with its billing workspace against FirstPromoter's twin."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from affluent.apps.firstpromoter.app import app
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, dumps
from affluent.store import tables
from tests.contract.razorpay.market import Market, market

HOOK_SECRET = "the-webhook-secret-key"


@pytest.fixture
async def seller(tmp_path: Path) -> AsyncIterator[Market]:
    """A seller with connections to the workspace and to FirstPromoter."""
    async with market(tmp_path) as found:
        await found.connect()
        yield found


async def pay(seller: Market, account: str, key: str = "1", amount: str = "2499.00") -> None:
    invoice = await seller.invoice(account, amount, key=key)
    record = {"type": "INVOICE", "order": 1, "togaiId": invoice, "amount": float(amount)}
    reference = {"sourceName": "Bank", "sourceType": "BANK_TRANSFER", "transactionNumber": f"{account}-{key}"}
    body = {"accountId": account, "currency": "USD", "totalAmount": float(amount), "lineItemRecords": [record]}
    await seller.bill("POST", "/payments", {**body, "externalPaymentReference": reference})
    await seller.settle()


async def attached(seller: Market) -> list[str]:
    """Names of the plans that the sale flow attached."""
    rows = [row for row in await seller.rows(tables.step_runs) if row.step_id == "attach" and row.outcome == "applied"]
    return [row.output["price_plan_name"] for row in rows]


async def test_a_referred_customers_invoice_earns_a_commission_and_gets_the_promoters_plan(seller: Market) -> None:
    await seller.plan("Everyone's plan")
    await seller.plan("Ben's plan")
    await seller.enable("sync_new_accounts")
    plans = [{"promoter": "ben@partners.example", "price_plan": "Ben's plan"}]
    await seller.enable("track_referral_sale", plans=plans, default_plan="Everyone's plan")
    account = await seller.account(1, tid="tid_001", currency="USD")
    await pay(seller, account)
    books = seller.promoter.books()
    assert [(item["amount"], item["currency"]) for item in books["sales"]] == [(249900, "USD")]
    assert await attached(seller) == ["Ben's plan"]
    settings = await seller.settings()
    assert settings["FirstPromoterPromoterId"] == "4102"
    assert settings["FirstPromoterLeadId"] == str(books["referrals"][0]["id"])
    assert {"FirstPromoterSaleId", "FirstPromoterTid"} <= settings.keys()


async def test_a_later_sale_leaves_the_plan_alone(seller: Market) -> None:
    await seller.plan("Partner")
    await seller.enable("sync_new_accounts")
    await seller.enable("track_referral_sale", default_plan="Partner")
    account = await seller.account(1, tid="tid_001", currency="USD")
    await pay(seller, account, "1")
    await pay(seller, account, "2")
    assert len(seller.promoter.books()["sales"]) == 2
    steps = [row.outcome for row in await seller.rows(tables.step_runs) if row.step_id == "attach"]
    assert sorted(steps) == ["applied", "condition_false"]


async def test_a_customer_nobody_referred_is_skipped_with_a_sentence(seller: Market) -> None:
    await seller.enable("sync_new_accounts")
    await seller.enable("track_referral_sale")
    await pay(seller, await seller.account(1, currency="USD"))
    ends = await seller.ends()
    assert [state for state, _ in ends] == ["skipped", "skipped"]
    assert all(sentence.startswith("Not referred") for _, sentence in ends)


async def test_a_customer_who_leaves_in_two_ways_is_cancelled_once(seller: Market) -> None:
    await seller.plan("Partner")
    for key in ("sync_new_accounts", "track_referral_sale", "track_cancellation", "track_cancellation_archived"):
        await seller.enable(key, **({"default_plan": "Partner"} if key == "track_referral_sale" else {}))
    account = await seller.account(1, tid="tid_001", currency="USD")
    await pay(seller, account)
    await seller.bill("DELETE", f"/accounts/{account}")
    await seller.settle()
    books = seller.promoter.books()
    assert (len(books["cancellations"]), books["duplicates"]) == (1, 0)


async def test_a_cancellation_whose_answer_was_lost_is_looked_up_and_not_repeated(seller: Market) -> None:
    await seller.enable("sync_new_accounts")
    await seller.enable("track_cancellation_archived")
    account = await seller.account(1, tid="tid_001", currency="USD")
    seller.promoter.drop_answer(path="/track/cancellation")
    await seller.bill("DELETE", f"/accounts/{account}")
    await seller.settle()
    books = seller.promoter.books()
    assert (len(books["cancellations"]), books["duplicates"]) == (1, 0)
    assert [state for state, _ in await seller.ends()] == ["succeeded", "succeeded"]


async def test_a_wrong_address_pauses_the_connection_and_loses_no_sale(seller: Market) -> None:
    await seller.enable("sync_new_accounts")
    await seller.enable("track_referral_sale")
    account = await seller.account(1, tid="tid_001", currency="USD")
    seller.promoter.fail_next(404, path="/track/sale", body="<h1>Not here</h1>", content_type="text/html")
    await pay(seller, account)
    connection = await seller.hub.connections.get(seller.connections["firstpromoter"])
    assert connection.status == "needs_attention"
    assert "base URL" in connection.status_reason
    await seller.hub.connections.test(connection.id)
    await seller.settle()
    assert len(seller.promoter.books()["sales"]) == 1


async def rewarded(seller: Market) -> tuple[str, JSONObject]:
    """The reward flow, enabled; its webhook address and the event of an approved commission that Ada earned."""
    await seller.hub.connections.update(seller.connections["firstpromoter"], fields={"webhook_secret": HOOK_SECRET})
    await seller.account(77, currency="USD")
    seller.promoter.ledger.promoters[4101].cust_id = "ACC-77"
    link = await seller.enable("reward_promoters_with_credit", currency="USD")
    shown = await seller.hub.flow_connections.get(link)
    event = app.sample("commission_approved.json")
    key = {"Authorization": "Bearer fp_key", "Account-ID": "a1"}
    bonus = {
        "commission_type": "custom",
        "promoter_campaign_id": 7101,
        "amount": 50,
        "unit": "credits",
        "event_id": "b",
    }
    url = f"{seller.twins_url}/firstpromoter/api/v2/company/commissions"
    async with seller.http.post(url, json=bonus, headers=key) as answer:
        event["data"]["id"] = (await answer.json())[0]["id"]
    return shown.webhook_url, event


async def deliver(seller: Market, url: str, event: JSONObject, secret: str = HOOK_SECRET) -> int:
    body = dumps(event).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    async with seller.http.post(url, data=body, headers={"X-Webhook-Signature": signature}) as answer:
        await answer.read()
        return answer.status


async def test_an_approved_commission_becomes_credit_once_and_is_marked_fulfilled(seller: Market) -> None:
    url, event = await rewarded(seller)
    assert [await deliver(seller, url, event) for _ in range(3)] == [200, 200, 200]
    await seller.settle()
    assert [state for state, _ in await seller.ends()] == ["succeeded"]
    granted = await seller.bill("GET", "/credits?account_id=ACC-77")
    assert [item["creditAmount"] for item in granted["data"]] == [50]
    assert [item["is_fulfilled"] for item in seller.promoter.books()["commissions"]] == [True]


async def test_a_forged_webhook_rewards_nobody(seller: Market) -> None:
    url, event = await rewarded(seller)
    assert await deliver(seller, url, event, secret="guessed") == 401
    assert await seller.ends() == []


async def test_a_promoter_without_an_account_is_told_of(seller: Market) -> None:
    url, event = await rewarded(seller)
    seller.promoter.ledger.promoters[4101].cust_id = None
    await deliver(seller, url, event)
    await seller.settle()
    ((state, sentence),) = await seller.ends()
    assert (state, "cust_id" in sentence) == ("skipped", True)
    assert [item["is_fulfilled"] for item in seller.promoter.books()["commissions"]] == [False]


async def test_an_approval_whose_webhook_never_came_is_fetched_and_a_late_webhook_rewards_nobody_twice(
    seller: Market,
) -> None:
    url, event = await rewarded(seller)
    commission = seller.promoter.ledger.commissions[event["data"]["id"]]
    commission.status_updated_at = (clock.now() - timedelta(hours=1)).isoformat()
    for _ in range(2):
        await seller.sweep()
    assert await deliver(seller, url, {**event, "event_id": "another-id-of-the-same-approval"}) == 200
    await seller.settle()
    assert [state for state, _ in await seller.ends()] == ["succeeded"]
    granted = await seller.bill("GET", "/credits?account_id=ACC-77")
    assert [item["creditAmount"] for item in granted["data"]] == [50]


async def test_a_delivered_event_is_not_fetched_again_and_a_fetched_one_not_taken_in_again(seller: Market) -> None:
    url, event = await rewarded(seller)
    commission = seller.promoter.ledger.commissions[event["data"]["id"]]
    commission.status_updated_at = (clock.now() - timedelta(hours=1)).isoformat()
    step = {"id": "go", "app": "flow_control", "action": "filter", "inputs": {"keep": "{{ true }}"}}
    draft = {"name": "Count", "type": "inbound", "trigger": {"app": "firstpromoter", "trigger": "commission_approved"}}
    flow = await seller.hub.flows.create({**draft, "steps": [step]}, publish=True)
    bindings = {"trigger": seller.connections["firstpromoter"]}
    await seller.hub.flow_connections.create(flow_id=flow.flow.id, name="Count", bindings=bindings)
    assert await deliver(seller, url, event) == 200
    await seller.settle()
    await seller.sweep()
    assert await deliver(seller, url, {**event, "event_id": "another-id-of-the-same-approval"}) == 200
    await seller.settle()
    approved = [row for row in await seller.rows(tables.events) if row.type == "commission.approved"]
    assert [len(approved), len(await seller.ends())] == [1, 2], "one event, one run of either flow"
