"""What did not arrive is found in Razorpay's lists, as the webhook would have told it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.tests.conftest import Desk, Listener
from affluent.apps.razorpay.twin_sales import Paying, pay
from affluent.apps.razorpay.webhook import parse
from affluent.engine.event_drafts import draft_from
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, loads
from affluent.sdk import Incoming, Trigger

FOUND = {"payment_captured", "payment_failed", "order_paid", "invoice_paid", "payment_link_paid", "refund_processed"}


async def found(desk: Desk, key: str, since: datetime | None = None) -> list[Incoming]:
    """All that a sweep finds."""
    listing = app.triggers[key].listing
    assert listing is not None
    begin, cursor, seen = since or clock.now() - timedelta(days=1), None, []
    while True:
        page = await listing.since(desk.context(), begin, cursor)
        seen += page.items
        if not page.more:
            return seen
        cursor = page.cursor


def title(trigger: Trigger, incoming: Incoming) -> str:
    """What the hub calls an event."""
    now = clock.now()
    return draft_from(
        trigger, app="razorpay", source="s", external_id="x", payload=incoming.payload, occurred_at=now
    ).title


def test_every_event_that_moves_money_for_a_flow_can_be_found() -> None:
    assert {key for key, trigger in app.triggers.items() if trigger.listing} == FOUND
    assert {key for key, trigger in app.triggers.items() if trigger.poll and trigger.poll_start} == FOUND


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("payment_captured", "invoice"),
        ("order_paid", "invoice"),
        ("invoice_paid", "invoice"),
        ("payment_link_paid", "link"),
        ("refund_processed", "link"),
    ],
)
async def test_a_sweep_tells_what_the_webhook_tells(desk: Desk, listener: Listener, key: str, kind: str) -> None:
    await desk.control("webhook", url=listener.url, secret="s")
    notes = {"togai_account_id": "ACC-1", "togai_invoice_id": "INV-1", "togai_net": "100.00", "togai_total": "118.00"}
    given = {"email": "b@n.example", "name": "Northwind"} if kind == "link" else {}
    payment = (await desk.control("pay", id=(await getattr(desk, kind)(notes=notes, **given)).id))["payment"]
    await desk.act("refund", payment_id=payment["id"], amount=1180)
    trigger = app.triggers[key]
    told = [parse(loads(body), headers) for body, headers in listener.received if loads(body)["event"] == trigger.event]
    (listed,) = await found(desk, key)
    assert listed.type == trigger.event
    assert title(trigger, listed) == title(trigger, told[0])
    assert facts(listed.payload) == facts(told[0].payload)
    assert listed.external_id == told[0].external_id
    assert trigger.output is not None
    trigger.output.model_validate(listed.payload)


def facts(payload: JSONObject) -> dict[str, Any]:
    """What flows read first."""
    names = ("account_id", "billing_invoice_id", "sale_id", "payment_id", "amount", "net_minor", "currency", "customer")
    return {name: payload[name] for name in names}


async def test_what_was_not_paid_is_not_told_as_paid(desk: Desk) -> None:
    made = await desk.invoice(is_partial_allowed=True)
    await desk.control("pay", id=made.id, fails=True)
    await desk.control("pay", id=made.id, amount=100)
    assert [item.type for item in await found(desk, "payment_failed")] == ["payment.failed"]
    assert len(await found(desk, "payment_captured")) == 1
    assert await found(desk, "invoice_paid") == []


async def test_an_invoice_paid_in_parts_is_found_with_the_payment_that_completed_it(desk: Desk) -> None:
    made = await desk.invoice(is_partial_allowed=True)
    await desk.control("pay", id=made.id, amount=100)
    last = (await desk.control("pay", id=made.id))["payment"]
    listed = await found(desk, "invoice_paid")
    assert {item.external_id for item in listed} == {f"invoice.paid/{made.id}"}
    assert listed[0].payload["payment_id"] == last["id"]


async def test_a_long_list_is_walked_page_by_page_though_new_payments_come_in(desk: Desk) -> None:
    link = await desk.link(is_partial_allowed=True)
    for _ in range(205):
        pay(desk.twin._books, link.id, Paying(amount=50))
    poll = app.triggers["payment_captured"].poll
    assert poll is not None
    cursor: Any = None
    seen: list[str] = []
    pages = []
    while len(pages) < 9:
        page = await poll(desk.context(), cursor)
        pages.append(page)
        seen += [item.external_id for item in page.items]
        cursor = page.cursor
        await desk.control("advance", seconds=5)
        await desk.control("pay", id=link.id, amount=1)
        if not page.more:
            break
    assert (len(pages), len(seen), len(set(seen))) == (3, 205, 205)
    assert set(cursor) == {"from"}


async def test_only_what_happened_since_then_is_found(desk: Desk) -> None:
    await desk.control("pay", id=(await desk.link()).id)
    assert await found(desk, "payment_captured", clock.now() + timedelta(hours=1)) == []
