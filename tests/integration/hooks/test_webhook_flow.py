"""A signed webhook starts a flow of two HTTP requests; everything is set up through the REST API alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from affluent.kit.jsons import dumps
from tests.support.apps import Call, LocalVendor, Say, local_vendor
from tests.support.product import product

ORDER = {"id": "evt_1", "type": "order.paid", "account_id": "ACC-1", "order": {"number": "SO-1", "amount": "129.00"}}


def two_requests(sink: LocalVendor) -> list[dict[str, Any]]:
    """Create an order at the sink, then confirm it by the id that the sink gave."""
    return [
        {
            "id": "order",
            "app": "http",
            "action": "request",
            "inputs": {
                "method": "POST",
                "url": f"{sink.url}/orders",
                "body": {
                    "number": "{{ trigger.order.number }}",
                    "cents": '{{ minor_units(trigger.order.amount, "EUR") }}',
                },
            },
        },
        {
            "id": "confirm",
            "app": "http",
            "action": "request",
            "inputs": {
                "method": "PUT",
                "url": f"{sink.url}/orders/{{{{ steps.order.body.id }}}}/confirmation",
                "headers": {"X-Event": "{{ trigger.type }}"},
            },
        },
    ]


def shop(call: Call) -> Say:
    """A sink that gives every order an id."""
    return Say(status=201, body={"id": "ord-7"}) if call.method == "POST" else Say(body={"confirmed": True})


async def test_a_signed_webhook_becomes_two_requests(database_url: str, tmp_path: Path) -> None:
    async with local_vendor(shop) as sink, product(database_url, tmp_path) as outside:
        link, url, secret = await outside.connected(two_requests(sink))
        status, said = await outside.post(url, ORDER, secret)
        assert (status, said["new"], said["runs"]) == (200, True, 1)
        run = await outside.ended_run(link)
    assert run["state"] == "succeeded", run
    assert sink.asked() == ["POST /orders", "PUT /orders/ord-7/confirmation"]
    order, confirmation = sink.calls
    assert order.body == {"number": "SO-1", "cents": 12900}
    assert confirmation.headers["x-event"] == "order.paid"
    keys = {call.headers["idempotency-key"] for call in sink.calls}
    assert len(keys) == len(sink.calls)


async def test_the_same_event_in_parallel_has_one_effect(database_url: str, tmp_path: Path) -> None:
    async with local_vendor(shop) as sink, product(database_url, tmp_path) as outside:
        link, url, secret = await outside.connected(two_requests(sink))
        answers = await asyncio.gather(*(outside.post(url, ORDER, secret) for _ in range(100)))
        await outside.ended_run(link)
    assert {status for status, _said in answers} == {200}
    assert [said["new"] for _status, said in answers].count(True) == 1
    assert len({said["event"] for _status, said in answers}) == 1
    assert len(sink.calls) == 2


@pytest.mark.parametrize("secret", ["", "another-secret"])
async def test_a_wrong_signature_starts_nothing(tmp_path: Path, secret: str) -> None:
    async with local_vendor(shop) as sink, product("", tmp_path) as outside:
        link, url, _secret = await outside.connected(two_requests(sink))
        status, said = await outside.post(url, ORDER, secret)
        runs = (await outside.api("GET", f"/runs?flow_connection_id={link}"))["items"]
    assert (status, runs) == (401, [])
    assert "signature is missing or wrong" in said["message"]


async def test_both_secrets_are_believed_while_one_takes_over(tmp_path: Path) -> None:
    async with local_vendor(shop) as sink, product("", tmp_path) as outside:
        link, url, old = await outside.connected(two_requests(sink))
        await outside.post(url, ORDER, old)
        rotated = await outside.api(
            "POST", f"/flow-connections/{link}/rotate-secret", {"secret": "chosen-by-the-sender"}
        )
        async with asyncio.timeout(10):  # a hook is read anew within a second
            while (await outside.post(url, ORDER, "chosen-by-the-sender"))[0] != 200:
                await asyncio.sleep(0.05)
        before, _said = await outside.post(url, {**ORDER, "id": "evt_2"}, old)
        await outside.api("POST", f"/flow-connections/{link}/forget-old-secret")
        async with asyncio.timeout(10):
            while (await outside.post(url, {**ORDER, "id": "evt_2"}, old))[0] != 401:
                await asyncio.sleep(0.05)
    assert rotated["hook_secret"] == "chosen-by-the-sender"
    assert before == 200


async def test_a_step_takes_a_connection_when_it_needs_a_secret(tmp_path: Path) -> None:
    async with local_vendor(shop) as sink, product("", tmp_path) as outside:
        fields = {"base_url": sink.url, "header": "X-Api-Key", "secret": "the-key-of-the-shop"}
        connection = await outside.api("POST", "/connections", {"app": "http", "name": "Shop", "fields": fields})
        steps = [{"id": "order", "app": "http", "action": "request", "inputs": {"url": "/orders"}}]
        link, url, secret = await outside.connected(steps, order=connection["id"])
        shown = await outside.api("GET", f"/flow-connections/{link}")
        await outside.post(url, ORDER, secret)
        run = await outside.ended_run(link)
        inside = await outside.api("GET", f"/runs/{run['id']}")
    assert (shown["needs"], shown["optional"]) == ({}, {"order": "http"})
    assert run["state"] == "succeeded", run
    assert sink.calls[-1].headers["x-api-key"] == "the-key-of-the-shop"
    assert "the-key-of-the-shop" not in dumps(inside)


async def test_a_flow_sends_webhooks_that_another_flow_receives(tmp_path: Path) -> None:
    async with local_vendor(shop) as sink, product("", tmp_path, allow_private_addresses=True) as outside:
        link, url, secret = await outside.connected(two_requests(sink))
        fields = {"url": url, "signing_secret": secret}
        connection = await outside.api("POST", "/connections", {"app": "webhook", "name": "Next", "fields": fields})
        step = {"id": "send", "app": "webhook", "action": "send_webhook", "inputs": {"payload": "{{ trigger }}"}}
        _first, first_url, first_secret = await outside.connected([step], send=connection["id"])
        await outside.post(first_url, ORDER, first_secret)
        run = await outside.ended_run(link)
    assert run["state"] == "succeeded", run
    assert sink.calls[0].body["number"] == "SO-1"


async def test_a_refused_request_without_a_connection_fails_and_can_be_resumed(tmp_path: Path) -> None:
    statuses = [401, 200]
    async with (
        local_vendor(lambda _call: Say(status=statuses.pop(0), body={})) as sink,
        product("", tmp_path) as outside,
    ):
        steps = [{"id": "ask", "app": "http", "action": "request", "inputs": {"url": f"{sink.url}/orders"}}]
        link, url, secret = await outside.connected(steps)
        await outside.post(url, ORDER, secret)
        failed = await outside.ended_run(link)
        await outside.api("POST", f"/runs/{failed['id']}/resume")
        async with asyncio.timeout(20):
            while (await outside.ended_run(link))["state"] == "failed":
                await asyncio.sleep(0.02)
    assert failed["state"] == "failed"
    assert statuses == []
