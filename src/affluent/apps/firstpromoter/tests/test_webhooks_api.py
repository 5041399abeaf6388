"""Webhooks made, looked at and removed by API v2, at the twin."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from affluent.apps.firstpromoter import webhooks, webhooks_api
from affluent.apps.firstpromoter.tests.support import bench
from affluent.sdk import AuthFailed, Rejected

URL = "https://hub.example/hooks/fco_1/token"
EVENTS = ["commission.approved"]
BODY = b'{"event_id":"e-1","event_type":"commission.approved","data":{}}'


async def test_a_webhook_is_made_for_the_event_in_every_campaign_with_a_secret_in_a_header():
    async with bench(2) as desk:
        made = await webhooks_api.register(desk.context(), URL, EVENTS)
        hook = desk.twin.ledger.webhooks[made.state["id"]]
        assert (hook["url"], hook["event_types"], hook["campaign_ids"], hook["active"]) == (URL, EVENTS, [1], True)
        assert hook["max_retries"] == 10
        headers = {name.lower(): value for name, value in hook["headers"].items()}
        assert webhooks.verify(BODY, headers, made.secrets)
        signature = hmac.new(hook["secret_key"].encode(), BODY, hashlib.sha256).hexdigest()
        assert webhooks.verify(BODY, {webhooks.SIGNATURE: signature}, made.secrets)
        assert not webhooks.verify(BODY, {}, made.secrets)


async def test_a_webhook_whose_answer_was_lost_is_made_anew_and_others_are_left_alone():
    async with bench(2) as desk:
        for number in range(30):
            await webhooks_api.register(desk.context(), f"https://other.example/{number}", EVENTS)
        first = await webhooks_api.register(desk.context(), URL, EVENTS)
        second = await webhooks_api.register(desk.context(), URL, EVENTS)
        assert first.state != second.state
        assert [hook["id"] for hook in desk.twin.ledger.webhooks.values() if hook["url"] == URL] == [second.state["id"]]
        assert len(desk.twin.ledger.webhooks) == 31


async def test_a_webhook_is_removed_and_one_that_is_gone_is_fine():
    async with bench(2) as desk:
        made = await webhooks_api.register(desk.context(), URL, EVENTS)
        await webhooks_api.unregister(desk.context(), made.state)
        await webhooks_api.unregister(desk.context(), made.state)
        assert desk.twin.ledger.webhooks == {}


async def test_a_webhook_that_was_switched_off_or_removed_is_named():
    async with bench(2) as desk:
        made = await webhooks_api.register(desk.context(), URL, EVENTS)
        assert await webhooks_api.check(desk.context(), made.state) == ""
        desk.twin.ledger.webhooks[made.state["id"]]["active"] = False
        assert "switched its webhook off" in await webhooks_api.check(desk.context(), made.state)
        desk.twin.ledger.webhooks.clear()
        assert "no such webhook" in await webhooks_api.check(desk.context(), made.state)


async def test_a_refusal_is_told_apart_from_a_wrong_key():
    async with bench(2) as desk:
        with pytest.raises(Rejected):
            await webhooks_api.register(desk.context(), "", EVENTS)
        desk.twin.revoke_key("fp_test_key")
        with pytest.raises(AuthFailed):
            await webhooks_api.register(desk.context(), URL, EVENTS)


async def test_a_key_of_the_legacy_api_cannot_register():
    async with bench(1) as desk:
        assert not webhooks_api.REGISTRATION.possible(desk.credentials)
    async with bench(2) as desk:
        assert webhooks_api.REGISTRATION.possible(desk.credentials)
