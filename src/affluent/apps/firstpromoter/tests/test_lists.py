"""What did not arrive is found in FirstPromoter's lists, as the webhook would have told it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.apps.firstpromoter.webhooks import ONCE, parse
from affluent.kit import clock
from affluent.sdk import Incoming

FOUND = {
    "referral_created",
    "referral_converted",
    "commission_created",
    "commission_approved",
    "commission_denied",
    "commission_settled",
}


async def sold(vendor: Bench, number: int = 1) -> None:
    """A referral that became a customer."""
    await vendor.run("track_signup", uid=f"ACC-{number}", email=f"a{number}@n.example", tid=f"tid_00{number}")
    await vendor.run("track_sale", uid=f"ACC-{number}", event_id=f"inv.{number}", amount=249_900, currency="USD")


async def found(vendor: Bench, key: str, since: datetime | None = None) -> list[Incoming]:
    """All that a sweep finds."""
    listing = app.triggers[key].listing
    assert listing is not None
    begin, cursor, seen = since or clock.now() - timedelta(hours=1), None, []
    while True:
        page = await listing.since(vendor.context(), begin, cursor)
        seen += page.items
        if not page.more:
            return seen
        cursor = page.cursor


def test_events_that_happen_once_and_whose_time_a_list_knows_can_be_found() -> None:
    assert {key for key, trigger in app.triggers.items() if trigger.listing} == FOUND
    assert {app.triggers[key].event for key in FOUND} - {
        "commission.settled"
    } == ONCE  # the one is several of the others


@pytest.mark.parametrize("key", ["referral_created", "referral_converted", "commission_created"])
async def test_a_sweep_tells_what_the_webhook_tells(vendor: Bench, key: str) -> None:
    await sold(vendor)
    (listed,) = await found(vendor, key)
    trigger = app.triggers[key]
    assert trigger.output is not None
    trigger.output.model_validate(listed.payload)
    assert (listed.type, listed.payload["data"]["id"]) == (trigger.event, listed.payload["entity_id"])
    told = {**app.sample(trigger.sample), "data": listed.payload["data"]}
    assert listed.external_id == parse(told, {}).external_id


async def test_two_commissions_are_two_facts(vendor_v2: Bench) -> None:
    await sold(vendor_v2, 1)
    await sold(vendor_v2, 2)
    assert len({one.external_id for one in await found(vendor_v2, "commission_created")}) == 2


async def test_what_was_before_is_not_told(vendor: Bench) -> None:
    await sold(vendor)
    assert await found(vendor, "referral_created", clock.now() + timedelta(seconds=1)) == []


async def test_a_decision_is_found_by_its_time_and_not_by_the_commissions(vendor_v2: Bench) -> None:
    await sold(vendor_v2, 1)
    await sold(vendor_v2, 2)
    first, second = vendor_v2.twin.ledger.commissions.values()
    first.status = second.status = "pending"
    first.created_at = (clock.now() - timedelta(days=30)).isoformat()
    await vendor_v2.run("approve_commissions", commission_ids=[first.id])
    await vendor_v2.run("deny_commissions", commission_ids=[second.id])
    assert [one.payload["data"]["id"] for one in await found(vendor_v2, "commission_approved")] == [first.id]
    assert [one.payload["data"]["id"] for one in await found(vendor_v2, "commission_denied")] == [second.id]
    assert await found(vendor_v2, "commission_approved", clock.now() + timedelta(seconds=1)) == []


async def test_a_commission_that_was_approved_when_it_was_made_was_never_decided_on(vendor: Bench) -> None:
    await sold(vendor)
    assert await found(vendor, "commission_approved") == []


async def test_pages_are_read_to_their_end(vendor_v2: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affluent.apps.firstpromoter.client.LARGEST_PAGE", 1)
    await sold(vendor_v2, 1)
    await sold(vendor_v2, 2)
    assert len(await found(vendor_v2, "referral_created")) == 2
