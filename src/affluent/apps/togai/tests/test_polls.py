"""A Togai elsewhere, polled, tells what this server's own workspace would have emitted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from affluent.apps.togai import enrichment as wholes
from affluent.apps.togai.app import app
from affluent.apps.togai.tests.small_togai import SmallTogai
from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.sdk import Incoming, Rejected
from tests.support.apps import Bench, Say, bench
from tests.support.workspace import Workspace, payment, served, workspace


async def walk(desk: Bench, key: str, cursor: Any = None) -> tuple[list[Incoming], Any]:
    """Everything a trigger lists, page by page, and the cursor of the next walk."""
    poll = app.triggers[key].poll
    assert poll is not None
    found: list[Incoming] = []
    while True:
        page = await poll(desk.context(), cursor)
        found += page.items
        cursor = page.cursor
        if not page.more:
            return found, cursor


async def listed(desk: Bench, key: str) -> list[Incoming]:
    """Everything a trigger lists, each item whole."""
    detail = app.triggers[key].poll_detail
    assert detail is not None
    return [await detail(desk.context(), item) for item in (await walk(desk, key))[0]]


@pytest.fixture
async def there(tmp_path) -> AsyncIterator[Workspace]:
    """A workspace with one customer and its account."""
    async with workspace(f"sqlite:///{tmp_path / 'workspace.db'}") as made:
        await made.customer(metadata={"segment": "smb"}, aliases=["northwind"])
        yield made


@pytest.fixture
async def remote(there: Workspace) -> AsyncIterator[Bench]:
    """The app at that workspace, as at another server."""
    async with served(there) as url, bench(app, {"secret_key": there.secret, "base_url": url}, now=clock.now()) as desk:
        yield desk


async def emitted(there: Workspace, kind: str) -> Any:
    """The payload of the last event of a type, without the times that Togai's accounts do not know."""
    payload = loads((await there.events(kind))[-1].payload)
    return comparable(payload)


def comparable(payload: Any) -> Any:
    """A payload without what Togai's lists cannot tell, and without times, whose writing may differ."""
    parts = {name: dict(value) if isinstance(value, dict) else value for name, value in payload.items()}
    parts.pop("previous_status", None)
    for part, names in _UNTOLD.items():
        for name in names:
            parts.get(part, {}).pop(name, None)
    return parts


_UNTOLD = {
    "account": ("created_at", "email"),
    "customer": ("created_at",),
    "invoice": ("created_at", "paid_at", "start_date", "end_date", "due_date"),
    "payment": ("created_at",),
}


async def test_a_listed_account_is_the_event_that_its_creation_was(remote, there):
    (made,) = await listed(remote, "account_created")
    assert (made.type, made.external_id) == ("account.created", "account.created/ACC-1")
    assert comparable(made.payload) == await emitted(there, "account.created")


async def test_settings_of_both_and_the_plan_of_today_are_read(remote, there):
    await there.plan("Growth")
    await remote.run("save_setting", {"entity_id": "ACC-1", "setting_id": "FirstPromoterTid", "value": "t1"})
    saved = {"entity_type": "CUSTOMER", "entity_id": "CUS-1", "setting_id": "Region", "value": "north"}
    await remote.run("save_setting", saved)
    await remote.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Growth"})
    (made,) = await listed(remote, "account_created")
    assert made.payload["account"]["settings"] == {"FirstPromoterTid": "t1"}
    assert made.payload["customer"]["settings"] == {"Region": "north"}
    assert made.payload["account"]["price_plan_name"] == "Growth"


async def test_a_listed_customer_is_the_event_that_its_creation_was(remote, there):
    (made,) = await listed(remote, "customer_created")
    assert comparable(made.payload) == await emitted(there, "customer.created")
    assert made.occurred_at is not None


async def test_invoices_are_told_as_generated_and_as_paid_to_the_cent(remote, there):
    invoice = await there.invoice(2499, 0.37)
    (generated,) = await listed(remote, "invoice_generated")
    assert comparable(generated.payload) == await emitted(there, "invoice.generated")
    assert (await walk(remote, "invoice_paid"))[0] == []
    await there.done("POST", "/payments", payment(invoice["id"], 2499.37))
    (paid,) = await listed(remote, "invoice_paid")
    assert paid.external_id == f"invoice.paid/{invoice['id']}"
    assert paid.payload["invoice"]["net"] == "2499.37"
    assert comparable(paid.payload) == await emitted(there, "invoice.paid")


async def test_a_payment_is_told_with_its_invoice(remote, there):
    invoice = await there.invoice(100)
    await there.done("POST", "/payments", payment(invoice["id"], 40))
    (made,) = await listed(remote, "payment_recorded")
    assert comparable(made.payload) == await emitted(there, "payment.recorded")
    (updated,) = await listed(remote, "invoice_updated")
    assert updated.external_id == f"invoice.updated/{invoice['id']}/PARTIALLY_PAID"
    assert updated.payload["invoice"]["due"] == "60.00"


async def test_a_refund_is_told_once_it_is_complete_for_the_whole_invoice(remote, there):
    invoice = await there.invoice(100, status="PAID")
    await there.done("PATCH", f"/invoices/{invoice['id']}", {"status": "REFUND_INITIATED"})
    assert await listed(remote, "invoice_refunded") == []
    await there.done("PATCH", f"/invoices/{invoice['id']}", {"status": "REFUND_COMPLETED"})
    (made,) = await listed(remote, "invoice_refunded")
    assert made.external_id == f"invoice.refunded/{invoice['id']}"
    assert (made.payload["refund"]["net"], made.payload["refund"]["currency"]) == ("100.00", "USD")


async def test_a_credit_is_told(remote, there):
    await remote.run("grant_credit", {"account_id": "ACC-1", "amount": 1250, "currency": "USD", "purpose": "Reward"})
    (made,) = await listed(remote, "credit_granted")
    assert comparable(made.payload) == await emitted(there, "credit.granted")


async def test_an_attached_plan_is_told(remote, there):
    await there.plan("Growth")
    await remote.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Growth"})
    (made,) = await listed(remote, "price_plan_attached")
    expected = await emitted(there, "price_plan.attached")
    assert made.payload["schedule"] == expected["schedule"]
    assert made.payload["price_plan"]["name"] == "Growth"
    assert made.payload["remaining_plans"] == 1
    assert (await walk(remote, "price_plan_detached"))[0] == []


async def test_a_schedule_that_has_ended_is_a_detached_plan(desk, togai):
    togai.people = {"accounts/ACC-1": {"id": "ACC-1", "customerId": "CUS-1"}}
    ended = {
        "id": "sch.1",
        "pricePlanId": "pp.1.growth",
        "startDate": "2026-01-01T00:00:00Z",
        "endDate": "2026-01-31T00:00:00Z",
    }
    gone_on = {**ended, "id": "sch.0", "startDate": "2025-12-01T00:00:00Z", "endDate": "2025-12-31T00:00:00Z"}
    togai.schedules = [gone_on, ended]
    ((item,), _) = await walk(desk, "price_plan_detached")
    assert item.external_id == "price_plan.detached/ACC-1/sch.1/2026-01-31"
    assert item.payload["remaining_plans"] == 0


async def test_a_walk_of_payments_ends_a_day_before_the_newest_that_was_seen(remote, there):
    invoice = await there.invoice(100)
    for number in range(25):
        await there.done("POST", "/payments", payment(invoice["id"], 1, number=f"TX-{number}"))
    found, cursor = await walk(remote, "payment_recorded")
    assert len(found) == 25
    later = (clock.now() + timedelta(days=2)).isoformat()
    again, _ = await walk(remote, "payment_recorded", {"until": later})
    assert len(again) < 25
    assert cursor["until"] < later


async def test_an_empty_page_is_not_the_end(desk, togai: SmallTogai):
    togai.people = {f"accounts/{name}": {"id": name} for name in ("A", "B", "C")}
    found, _ = await walk(desk, "account_created")
    assert [item.external_id for item in found] == ["account.created/A", "account.created/B", "account.created/C"]


async def test_a_list_that_does_not_go_on_is_refused(desk, togai: SmallTogai):
    poll = app.triggers["account_created"].poll
    assert poll is not None
    togai.instead["GET accounts"] = Say(body={"data": [], "nextToken": "t1"})
    with pytest.raises(Rejected, match="does not go on"):
        await poll(desk.context(), "t1")


def test_net_is_the_total_without_the_taxes_among_the_lines():
    tree = {"type": "TOTAL_AMOUNT", "value": 118, "items": [
        {"type": "NET_AMOUNT", "value": 100, "items": []},
        {"type": "TOTAL_TAX_AMOUNT", "value": 18, "items": [{"type": "TAX_AMOUNT", "value": 18}]},
    ]}  # fmt: skip
    said = {"id": "inv.1", "status": "PAID", "totalAmount": 118.0, "paidAmount": 118.0, "revenueInfo": tree}
    made = wholes.invoice(said, "JPY")
    assert (made["net"], made["tax"], made["total"], made["due"]) == ("100", "18", "118", "0")
