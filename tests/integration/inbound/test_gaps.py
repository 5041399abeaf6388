"""What a webhook did not deliver is fetched, once, and a silent webhook is named; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.sdk import AuthFailed, Listing
from affluent.store import tables
from affluent.store.tables.inbound import duties
from tests.integration.inbound.stand import EPOCH, stand
from tests.integration.operations.test_alerts import Channel, alerting

LATER = timedelta(minutes=16)


async def watched(it, *, days=2):
    """A webhook that has been watched for some days; returns the flow connection's id."""
    it.vendor.may_register = False
    link = await it.connect("told")
    await it.attend()
    since = clock.now() - timedelta(days=days)
    mine = (duties.c.flow_connection_id == link) & (duties.c.kind == "gaps")
    await it.execute(update(duties).where(mine).values(created_at=since, cursor={"walked": since.isoformat()}))
    return link


def has(it, *items, hours=5.0):
    """Let the vendor have made items some hours ago."""
    it.vendor.items += items
    it.vendor.times |= dict.fromkeys(items, clock.now() - timedelta(hours=hours))


def body(item):
    """The webhook of an item."""
    return dumps({"type": "told", "id": item}).encode()


async def test_what_was_not_delivered_is_fetched_once_and_what_was_is_left_alone(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        has(it, "lost-1", "come", "lost-2")
        await it.post(link, body("come"))
        await it.attend(later=LATER)
        await it.attend(later=LATER)
        assert await it.events() == ["come", "lost-1", "lost-2"]
        assert (await it.duty(link, "gaps")).items == 2


async def test_an_event_fetched_late_is_not_doubled_by_the_webhook_that_comes_after_all(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        has(it, "late")
        await it.attend(later=LATER)
        status, answer = await it.post(link, body("late"))
        assert (status, answer["new"]) == (200, False)
        assert await it.events() == ["late"]


async def test_what_may_still_be_on_its_way_is_left_to_the_next_walk(database_url):
    async with stand(database_url) as it:
        await watched(it)
        has(it, "young", hours=0.01)
        await it.attend(later=LATER)
        assert await it.events() == []
        it.vendor.times["young"] -= timedelta(minutes=10)
        await it.attend(later=LATER)
        assert await it.events() == ["young"]


async def test_what_happened_before_the_flow_was_connected_is_no_gap(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["ancient"]
        it.vendor.times = {"ancient": EPOCH}
        await it.connect("told")
        await it.attend()
        await it.attend(later=LATER)
        assert await it.events() == []


async def test_a_webhook_that_has_gone_silent_is_named_on_its_connection_until_it_is_heard_again(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        has(it, "lost")
        await it.attend(later=LATER)
        connection = await it.the_connection(link)
        assert connection.status == "active"
        assert "is silent" in connection.status_reason
        await it.attend(later=LATER)
        assert "is silent" in (await it.the_connection(link)).status_reason
        await it.post(link, body("heard"))
        await it.attend(later=LATER)
        assert (await it.the_connection(link)).status_reason == ""
        assert (await it.duty(link, "gaps")).sentence == "Everything was delivered."


async def test_people_outside_are_told_of_a_webhook_that_has_gone_silent_and_again_after_it_was_heard(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        channel = Channel()
        async with alerting(it, channel) as alerts:
            assert await alerts.sweep() == 0
            for lost, told in (("lost", 1), ("lost-again", 2)):
                has(it, lost, hours=2.0 / told)
                await it.attend(later=LATER)
                assert await alerts.sweep() == 1
                assert await alerts.sweep() == 0
                assert len(channel.messages) == told
                await it.post(link, body(f"heard-{told}"))
                await it.attend(later=LATER)
                assert await alerts.sweep() == 0
                aged = update(tables.deliveries).values(received_at=clock.now() - timedelta(hours=1.5))
                await it.execute(aged)
    assert "is silent: Feed has events that it did not deliver" in channel.messages[0]


async def test_one_lost_delivery_among_others_is_no_silence(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        has(it, "lost")
        await it.post(link, body("other"))
        await it.attend(later=LATER)
        assert (await it.the_connection(link)).status_reason == ""
        assert (await it.duty(link, "gaps")).sentence == "1 not delivered, fetched instead."


async def test_events_whose_ids_the_list_does_not_know_are_recognised_by_type_and_title(database_url):
    async with stand(database_url) as it:
        app = it.catalog.apps["feed"]
        listing = Listing(since=app.triggers["told"].listing.since, by="title")
        app.triggers["told"] = replace(app.triggers["told"], listing=listing)
        link = await watched(it)
        has(it, "come", "lost")
        await it.post(link, dumps({"type": "told", "id": "named", "name": "Ada"}).encode())
        has(it, "named")
        it.vendor.incoming, plain = (
            lambda item, kind: replace(plain(item, kind), external_id=f"list/{item}"),
            it.vendor.incoming,
        )
        await it.post(link, body("come"))
        await it.attend(later=LATER)
        assert await it.events() == ["named · Ada", "come", "lost"]


async def test_a_list_that_the_key_may_not_read_pauses_nothing(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        it.vendor.errors = [AuthFailed("This key may not list.")]
        await it.attend(later=LATER)
        assert (await it.the_connection(link)).status == "active"
        assert (await it.duty(link, "gaps")).sentence == "This key may not list."


async def test_a_disabled_flow_connection_misses_nothing(database_url):
    async with stand(database_url) as it:
        link = await watched(it)
        await it.enable(link, enabled=False)
        await it.attend()
        has(it, "meanwhile")
        await it.enable(link, enabled=True)
        await it.attend()
        await it.attend(later=LATER)
        assert await it.events() == []
