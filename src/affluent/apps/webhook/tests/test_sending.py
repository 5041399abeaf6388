"""Sending webhooks: signed, recognisable, and receivable by this hub itself."""

from __future__ import annotations

import pytest

from affluent.apps.webhook.app import app, parse
from affluent.apps.webhook.signature import verify
from affluent.sdk import Rejected, Unavailable
from tests.support.apps import Call, Say, bench, local_vendor

SECRET = "a-shared-signing-secret"


def taken(_call: Call) -> Say:
    """The receiver takes it."""
    return Say(body={"ok": True})


async def test_a_webhook_is_signed_so_that_another_hub_takes_it_once() -> None:
    async with (
        local_vendor(taken) as receiver,
        bench(app, {"url": f"{receiver.url}/in", "signing_secret": SECRET}) as desk,
    ):
        sent = await desk.run("send_webhook", {"payload": {"n": 1}})
        await desk.run("send_webhook", {"payload": {"n": 1}})
    assert (sent.status, sent.body) == (200, {"ok": True})
    first, again = receiver.calls
    assert first.path == "/in"
    for call in (first, again):
        assert verify(call.raw, call.headers, [SECRET])
        standard = {name: value for name, value in call.headers.items() if name.startswith("webhook-")}
        assert verify(call.raw, standard, [SECRET])
        assert not verify(call.raw, call.headers, ["another-secret"])
    assert parse(first.body, first.headers).external_id == parse(again.body, again.headers).external_id


async def test_without_a_connection_any_url_is_sent_to_unsigned() -> None:
    async with local_vendor(taken) as receiver, bench(app) as desk:
        await desk.run("send_webhook", {"url": f"{receiver.url}/free", "payload": {"n": 1}})
    headers = receiver.calls[0].headers
    assert headers["idempotency-key"] == "evt_1/fco_1/step"
    assert not {"x-signature", "webhook-signature"} & set(headers)


async def test_the_secret_signs_for_the_connections_own_url_only() -> None:
    async with (
        local_vendor(taken) as receiver,
        bench(app, {"url": f"{receiver.url}/own", "signing_secret": SECRET}) as desk,
    ):
        await desk.run("send_webhook", {"url": f"{receiver.url}/other", "payload": {}})
    assert "x-signature" not in receiver.calls[0].headers


async def test_without_any_url_it_says_what_is_missing() -> None:
    async with bench(app) as desk:
        with pytest.raises(Rejected, match="nowhere to send to") as refused:
            await desk.run("send_webhook", {"payload": {}})
    assert refused.value.field == "url"


async def test_a_receiver_that_is_down_is_tried_again() -> None:
    async with local_vendor(lambda _call: Say(status=503)) as receiver, bench(app) as desk:
        with pytest.raises(Unavailable):
            await desk.run("send_webhook", {"url": receiver.url, "payload": {}})


@pytest.mark.parametrize("status", [200, 404, 405, 500])
async def test_any_answer_proves_that_the_address_is_there(status: int) -> None:
    async with local_vendor(lambda _call: Say(status=status)) as receiver, bench(app, {"url": receiver.url}) as desk:
        assert await desk.test() == f"The address answers (with {status} to HEAD)."
    assert receiver.asked() == ["HEAD /"]
