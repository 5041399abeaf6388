"""Webhooks are made at the vendor and removed again; what goes wrong is said and stops nothing."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from affluent.sdk import AuthFailed, Rejected, Unavailable
from affluent.store import tables
from affluent.store.tables.inbound import duties
from tests.integration.inbound.stand import stand

LATER = timedelta(minutes=16)
BODY = b'{"type":"told","id":"1"}'


async def test_an_enabled_flow_connection_has_its_webhook_registered_with_its_address(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        (hook,) = it.vendor.webhooks.values()
        assert hook == {"url": f"https://hub.example/hooks/{link}/token-{link}", "events": ["told"]}
        duty = await it.duty(link, "registration")
        assert (duty.phase, duty.sentence) == ("registered", "Registered at Feed.")


async def test_the_secret_that_the_vendor_made_verifies_and_is_encrypted(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        assert (await it.post(link, BODY, secret="made-by-the-vendor"))[0] == 200
        assert b"made-by-the-vendor" not in (await it.link(link)).hook_secrets


async def test_a_disabled_flow_connection_has_its_webhook_removed_and_an_enabled_one_gets_another(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        await it.enable(link, enabled=False)
        await it.attend()
        assert it.vendor.webhooks == {}
        assert await it.duty(link, "registration") is None
        await it.enable(link, enabled=True)
        await it.attend()
        assert len(it.vendor.webhooks) == 1


async def test_a_removed_flow_connection_has_its_webhook_removed(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        await it.execute(delete(tables.flow_connections))
        await it.attend()
        assert it.vendor.webhooks == {}
        assert await it.rows(duties.select()) == []
        assert link


async def test_a_webhook_whose_registration_was_answered_to_nobody_is_made_once(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        await it.execute(duties.update().where(duties.c.kind == "registration").values(phase="new", cursor=None))
        await it.attend(later=LATER)
        assert len(it.vendor.webhooks) == 1
        assert (await it.duty(link, "registration")).phase == "registered"


async def test_a_failure_says_how_to_do_it_by_hand_and_pauses_nothing(database_url):
    async with stand(database_url) as it:
        it.vendor.errors = [AuthFailed("This key may not manage webhooks.")] * 2  # one for the list
        link = await it.connect("told")
        await it.attend()
        duty, connection = await it.duty(link, "registration"), await it.the_connection(link)
        assert duty.phase == "failed"
        assert "This key may not manage webhooks." in duty.sentence
        assert "Add the webhook URL of this flow connection under Settings in the feed." in duty.sentence
        assert connection.status == "active"
        assert "could not be registered" in connection.status_reason
        await it.attend(later=LATER)
        assert (await it.duty(link, "registration")).phase == "registered"
        assert (await it.the_connection(link)).status_reason == ""


async def test_a_key_that_cannot_register_is_not_tried(database_url):
    async with stand(database_url) as it:
        it.vendor.may_register = False
        link = await it.connect("told")
        await it.attend()
        duty = await it.duty(link, "registration")
        assert (duty.phase, duty.sentence) == (
            "manual",
            "Add the webhook URL of this flow connection under Settings in the feed.",
        )
        assert (await it.the_connection(link)).status_reason == ""


async def test_a_webhook_that_the_vendor_disabled_is_named_on_the_connection(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        it.vendor.disabled = True
        await it.attend(later=LATER)
        connection = await it.the_connection(link)
        assert (connection.status, connection.status_reason) == (
            "active",
            "The feed disabled this webhook after too many failures.",
        )


async def test_a_webhook_that_cannot_be_removed_now_is_removed_later(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        it.vendor.errors = [Unavailable("Feed is down.")]
        await it.enable(link, enabled=False)
        await it.attend()
        assert len(it.vendor.webhooks) == 1
        await it.attend(later=LATER)
        assert it.vendor.webhooks == {}


async def test_a_webhook_that_may_not_be_removed_is_left_and_the_connection_stays(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        it.vendor.errors = [AuthFailed("No.")]
        await it.enable(link, enabled=False)
        await it.attend()
        assert await it.duty(link, "registration") is None
        assert (await it.the_connection(link)).status == "active"


async def test_another_connection_gets_its_own_webhook_and_the_first_loses_its(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.attend()
        other = await it.connection()
        links = tables.flow_connections
        await it.execute(links.update().where(links.c.id == link).values(bindings={"trigger": other}))
        it.vendor.errors = [Rejected("No such webhook.")]
        await it.attend()
        await it.attend(later=LATER)
        duty = await it.duty(link, "registration")
        assert (duty.connection_id, duty.phase, len(it.vendor.webhooks)) == (other, "registered", 1)
