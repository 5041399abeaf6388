"""What the twin does when somebody turns its controls: conversion, decisions by hand, late leads, spoilt lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.apps.firstpromoter.webhooks import parse, verify
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, loads
from affluent.sdk import NotReferred, Window
from affluent.sdk.facts import Commission, CommissionState, Entry, Fact, Origin
from tests.support.serving import served

PERSON = {"uid": "ACC-1", "email": "a@n.example"}


@dataclass
class Listener:
    """A server that is told by webhooks."""

    url: str = ""
    bodies: list[JSONObject] = field(default_factory=list)
    were_genuine: list[bool] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One webhook in one message."""
        body = (await receive())["body"]
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.were_genuine.append(verify(body, headers, ["whsec"]) is not None)
        self.bodies.append(loads(body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A server on a local port."""
    listening = Listener()
    async with served(listening) as url:
        listening.url = f"{url}/hook"
        yield listening


async def control(vendor: Bench, name: str, **options: Any) -> JSONObject:
    """Turn one of the twin's controls."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{vendor.url}/firstpromoter/_twin/{name}", json=options) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def sold(vendor: Bench, **sale: Any) -> Any:
    """A sale of a referred customer."""
    await vendor.run("track_signup", **PERSON, tid="tid_0")
    return await vendor.run("track_sale", **PERSON, **{"event_id": "inv.1", "amount": 10000, "currency": "USD", **sale})


def facts_of(body: JSONObject) -> list[Fact]:
    """What a webhook says about money."""
    incoming = parse(body, {})
    trigger = next(item for item in app.triggers.values() if item.event == incoming.type)
    assert trigger.facts is not None
    assert incoming.occurred_at is not None
    at = incoming.occurred_at
    return list(trigger.facts(incoming.payload, Origin(source="con_1", happened_at=at, learned_at=at)))


@pytest.mark.parametrize(
    ("amount", "currency", "sale_amount", "earned"),
    [
        (100000, "INR", 1210, 242),
        (64000, "JPY", 42880, 8576),
        (741255, "KWD", 241651, 48330),
        (10000, "USD", 10000, 2000),
    ],
)
async def test_a_sale_is_converted_to_the_currency_of_the_account(
    vendor: Bench, amount: int, currency: str, sale_amount: int, earned: int
) -> None:
    await control(vendor, "rates", INR="0.0121", JPY="0.0067", KWD="3.26")
    (commission,) = (await sold(vendor, amount=amount, currency=currency)).commissions
    assert (commission.sale_amount, commission.amount) == (sale_amount, earned)
    assert vendor.books["commissions"][0]["currency"] == "USD"


async def test_a_converted_sale_is_listed_as_it_was_sent(vendor_v2: Bench) -> None:
    await control(vendor_v2, "rates", INR="0.0121")
    await sold(vendor_v2, amount=100000, currency="INR")
    (record,) = (await vendor_v2.context().http.request("GET", "/company/commissions")).json()
    said = (record["sale_amount"], record["original_sale_amount"], record["original_sale_currency"])
    assert said == (1210, 100000, "INR")


@pytest.mark.parametrize(
    ("change", "event", "state"),
    [
        ({"status": "denied"}, "commission.denied", CommissionState.DENIED),
        ({"status": "pending"}, "commission.pending", CommissionState.PENDING),
        ({"is_paid": True}, "commission.updated", CommissionState.PAID),
        ({"amount": 2500}, "commission.updated", CommissionState.APPROVED),
        ({"deleted": True}, "commission.deleted", CommissionState.DELETED),
    ],
)
async def test_what_a_person_does_to_a_commission_is_told_by_a_signed_webhook(
    vendor_v2: Bench, listener: Listener, change: JSONObject, event: str, state: CommissionState
) -> None:
    await control(vendor_v2, "webhook", url=listener.url, secret="whsec")
    number = (await sold(vendor_v2)).commission_id
    await control(vendor_v2, "commission", id=number, **change)
    (body,) = listener.bodies
    assert body["event_type"] == event
    assert listener.were_genuine == [True]
    (commission,) = [fact for fact in facts_of(body) if isinstance(fact, Commission)]
    assert (commission.state, commission.id) == (state, str(number))
    assert commission.amount == change.get("amount", 2000)


async def test_a_webhook_and_the_list_say_the_same_of_a_commission(vendor_v2: Bench, listener: Listener) -> None:
    await control(vendor_v2, "webhook", url=listener.url, secret="whsec")
    number = (await sold(vendor_v2)).commission_id
    await control(vendor_v2, "commission", id=number, status="denied")
    assert app.books is not None
    window = Window(start=clock.now() - timedelta(days=1), end=clock.now() + timedelta(days=1))
    listed = (await app.books.read(vendor_v2.context(), window, None)).facts
    told = facts_of(listener.bodies[0])
    assert [fact.thing[0::2] for fact in listed] == [fact.thing[0::2] for fact in told]
    assert [fact.happened_at for fact in listed] == [fact.happened_at for fact in told]
    assert {type(fact) for fact in listed} == {Commission, Entry}


async def test_a_new_lead_may_be_seen_late(vendor: Bench) -> None:
    await control(vendor, "visibility", seconds=3600)
    with pytest.raises(NotReferred):
        await sold(vendor)
    assert await vendor.look_up("track_signup", **PERSON, tid="tid_0") is None


@pytest.mark.parametrize(("mode", "shown"), [("empty", []), ("shift", ["inv.2"])])
async def test_a_list_misbehaves_once(vendor_v2: Bench, mode: str, shown: list[str]) -> None:
    await sold(vendor_v2)
    await vendor_v2.run("track_sale", **PERSON, event_id="inv.2", amount=100, currency="USD")
    await control(vendor_v2, "lists", mode=mode)
    first, second = [(await vendor_v2.context().http.request("GET", "/company/commissions")).json() for _ in range(2)]
    assert [item["event_id"] for item in first] == shown
    assert [item["event_id"] for item in second] == ["inv.1", "inv.2"]
