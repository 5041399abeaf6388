"""Sending webhooks: signed, recognisable, and receivable by this hub itself."""

from __future__ import annotations

import pytest
from standardwebhooks.webhooks import Webhook

from affluent.apps.webhook.app import app, parse
from affluent.apps.webhook.signature import new_secret, verify
from affluent.kit import clock
from affluent.sdk import Rejected, Unavailable
from tests.support.apps import Call, Say, bench, local_vendor

SECRET = "a-shared-signing-secret"


def taken(_call: Call) -> Say:
    """The receiver takes it."""
    return Say(body={"ok": True})


@pytest.mark.parametrize(("form", "header"), [("standard", "webhook-signature"), ("body", "x-signature")])
async def test_a_webhook_is_signed_in_one_form_so_that_another_hub_takes_it(form: str, header: str) -> None:
    async with (
        local_vendor(taken) as receiver,
        bench(app, {"url": f"{receiver.url}/in", "signing_secret": SECRET, "scheme": form}, now=clock.now()) as desk,
    ):
        sent = await desk.run("send_webhook", {"payload": {"n": 1}})
    assert (sent.status, sent.body) == (200, {"ok": True})
    (call,) = receiver.calls
    assert call.path == "/in"
    assert {"x-signature", "webhook-signature"} & set(call.headers) == {header}
    assert verify(call.raw, call.headers, [SECRET])
    assert not verify(call.raw, call.headers, ["another-secret"])


async def test_a_repeat_carries_the_same_signed_id() -> None:
    async with (
        local_vendor(taken) as receiver,
        bench(app, {"url": f"{receiver.url}/in", "signing_secret": SECRET}, now=clock.now()) as desk,
    ):
        await desk.run("send_webhook", {"payload": {"n": 1}})
        await desk.run("send_webhook", {"payload": {"n": 1}})
    proofs = [verify(call.raw, call.headers, [SECRET]) for call in receiver.calls]
    names = {
        parse(call.body, proof.headers).external_id for call, proof in zip(receiver.calls, proofs, strict=True) if proof
    }
    assert names == {"evt_1/fco_1/step"}


async def test_the_public_library_takes_what_is_sent() -> None:
    secret = new_secret()
    async with (
        local_vendor(taken) as receiver,
        bench(app, {"url": f"{receiver.url}/in", "signing_secret": secret}, now=clock.now()) as desk,
    ):
        await desk.run("send_webhook", {"payload": {"n": 1}})
    (call,) = receiver.calls
    assert Webhook(secret).verify(call.raw, dict(call.headers)) == {"n": 1}


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
    assert not {"x-signature", "webhook-signature"} & set(receiver.calls[0].headers)


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
