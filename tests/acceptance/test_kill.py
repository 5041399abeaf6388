"""Kill -9 of the server in the middle of the story: afterwards the vendor's books are what they would have been."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from affluent.apps.firstpromoter.units import documented_places
from affluent.demo.story import AMOUNTS, REFERRED, Party, cast
from affluent.kit.money import Money, in_units
from tests.acceptance.process import Caller, Process, calling, free_port, new_token, started

FLOWS = ("sync_new_accounts", "track_referral_sale")
PLAN = "Growth, partner 15% off"


@pytest.mark.long
@pytest.mark.timeout(150)
async def test_killed_five_times_the_books_are_what_they_would_have_been(tmp_path: Path) -> None:
    async with started("twins", "--port", "0") as (_, twin_url):
        port = str(free_port())
        server = Process(
            ("serve", "--port", port, "--data-dir", str(tmp_path)),
            {"AFFLUENT_ALLOW_PRIVATE_ADDRESSES": "true", "AFFLUENT_SETTLE_SECONDS": "0"},
        )
        url = await server.start()
        try:
            async with calling(url, await new_token(server)) as call:
                await connect(call, twin_url)
                story = asyncio.create_task(play(call))
                for pause in (0.4, 0.6, 0.5, 0.7, 0.9):
                    await asyncio.sleep(pause)
                    await server.kill()
                    await server.start()
                await story
                await settled(call)
                runs = await call("GET", "/api/v1/runs?limit=200")
        finally:
            await server.stop()
        async with aiohttp.ClientSession() as session, session.get(f"{twin_url}/_twin/books") as answer:
            books = await answer.json()
    assert {run["state"] for run in runs["items"]} == {"succeeded", "skipped"}
    assert len(runs["items"]) == 2 * len(cast())
    assert sorted((sale["uid"], sale["amount"], sale["currency"]) for sale in books["sales"]) == expected_sales()
    assert len(books["referrals"]) == REFERRED
    assert books["duplicates"] == 0


def expected_sales() -> list[tuple[str, int, str]]:
    """What the referred customers bought, once each, in the units in which the tracker counts."""
    return sorted(
        (
            party.account_id,
            in_units(
                Money.parse(AMOUNTS[party.currency], party.currency).minor_units, party.currency, documented_places
            ),
            party.currency,
        )
        for party in cast()
        if party.tid
    )


async def connect(call: Caller, twin_url: str) -> None:
    """Connections, and the two flows switched on."""
    fields = {"api_key": "fp_key", "account_id": "1", "base_url": f"{twin_url}/api/v2"}
    promoter = await call("POST", "/api/v1/connections", {"app": "firstpromoter", "name": "FP", "fields": fields})
    togai = await call(
        "POST", "/api/v1/connections", {"app": "togai", "name": "Workspace", "fields": {"secret_key": call.token}}
    )
    bound = {"firstpromoter": promoter["id"], "togai": togai["id"]}
    flows = (await call("GET", "/api/v1/flows?limit=200"))["items"]
    for flow in flows:
        if flow["key"] not in FLOWS:
            continue
        detail = await call("GET", f"/api/v1/flows/{flow['id']}")
        definition = detail["definition"]
        bindings = {"trigger": bound[definition["trigger"]["app"]]}
        bindings |= {step["id"]: bound[step["app"]] for step in definition["steps"]}
        inputs = {"default_plan": PLAN} if flow["key"] == "track_referral_sale" else {}
        wanted = {"flow_id": flow["id"], "name": "Test", "bindings": bindings, "inputs": inputs}
        await call("POST", "/api/v1/flow-connections", wanted)
    plan = {
        "name": PLAN,
        "type": "BILLING",
        "pricePlanDetails": {"supportedCurrencies": ["USD", "EUR", "INR", "JPY", "KWD"]},
    }
    made = await call("POST", "/togai/price_plans", plan)
    await call("POST", f"/togai/price_plans/{made['id']}/activate", {})


async def play(call: Caller) -> None:
    """Twenty customers sign up and pay; every request is repeated until it is answered."""
    for party in cast():
        await sign_up(call, party)
        await pay(call, party)


async def sign_up(call: Caller, party: Party) -> None:
    """One customer; 409 says that an earlier try had arrived."""
    setting = {"id": "FirstPromoterTid", "value": party.tid, "namespace": "USER", "name": "Tid", "dataType": "STRING"}
    account = {
        "id": party.account_id,
        "name": party.name,
        "invoiceCurrency": party.currency,
        "primaryEmail": party.email,
        "settings": [setting] if party.tid else [],
    }
    customer = {"id": f"CUS-{party.number}", "name": party.name, "primaryEmail": party.email, "address": {}}
    await call("POST", "/togai/customers", {**customer, "account": account}, known=(409,))


async def pay(call: Caller, party: Party) -> None:
    """One invoice and its payment; a repeated payment is refused or recognised, because the invoice is paid."""
    amount = float(AMOUNTS[party.currency])
    invoice = await call(
        "POST",
        "/togai/invoices",
        {
            "accountId": party.account_id,
            "startDate": "2026-11-01",
            "endDate": "2026-11-30",
            "status": "DUE",
            "idempotencyKey": f"kill-{party.number}",
            "lineItems": [{"description": "Growth", "value": amount}],
        },
    )
    reference = {"sourceName": "Bank", "sourceType": "BANK_TRANSFER", "transactionNumber": f"TX-{party.number}"}
    line = {"type": "INVOICE", "order": 1, "togaiId": invoice["id"], "amount": amount}
    payment = {
        "accountId": party.account_id,
        "currency": party.currency,
        "totalAmount": amount,
        "externalPaymentReference": reference,
        "lineItemRecords": [line],
    }
    await call("POST", "/togai/payments", payment, known=(400, 409, 422))


async def settled(call: Caller) -> None:
    """Wait until no run is queued, running or waiting."""
    async with asyncio.timeout(60):
        while (await call("GET", "/api/v1/runs?states=queued&states=running&states=waiting&limit=1"))["items"]:
            await asyncio.sleep(0.1)
