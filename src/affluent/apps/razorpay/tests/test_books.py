"""Razorpay's books: what its lists say is what its events say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.money import event_facts
from affluent.apps.razorpay.tests.conftest import Desk, Listener
from affluent.apps.razorpay.webhook import parse
from affluent.domain.money.facts import current
from affluent.kit import clock
from affluent.kit.jsons import JSONValue, loads
from affluent.sdk import Window
from affluent.sdk.facts import Fact, Origin

NOTES = {"togai_account_id": "ACC-1", "togai_invoice_id": "INV-1", "togai_net": "100.00", "togai_total": "118.00"}


async def listed(desk: Desk) -> list[Fact]:
    """The facts of all pages."""
    assert app.books is not None
    window = Window(start=clock.now() - timedelta(days=1), end=clock.now() + timedelta(days=1))
    facts: list[Fact] = []
    cursor: JSONValue = None
    more = True
    while more:
        page = await app.books.read(desk.context(), window, cursor)
        facts += page.facts
        cursor, more = page.cursor, page.more
    return facts


def heard(listener: Listener) -> list[Fact]:
    """The facts of all webhooks."""
    now = clock.now()
    incoming = [parse(loads(body), {}) for body, _ in listener.received]
    origins = [Origin(source="", happened_at=item.occurred_at or now, learned_at=now) for item in incoming]
    return [fact for item, origin in zip(incoming, origins, strict=True) for fact in event_facts(item.payload, origin)]


def timeless(facts: Iterable[Fact]) -> dict[Any, dict[str, Any]]:
    """The last state of each thing, without its times, which lists tell otherwise."""
    return {
        fact.thing: {name: value for name, value in asdict(fact).items() if not isinstance(value, datetime)}
        for fact in current(facts)
    }


async def test_lists_say_the_same_facts_as_webhooks(desk: Desk, listener: Listener) -> None:
    await desk.control("webhook", url=listener.url, secret="s")
    invoice, link = (
        await desk.invoice(notes=NOTES),
        await desk.link("INV-2", notes={**NOTES, "togai_invoice_id": "INV-2"}),
    )
    paid = await desk.control("pay", id=invoice.id)
    await desk.control("pay", id=link.id, notes=False)
    await desk.act("refund", payment_id=paid["payment"]["id"], amount=1800)
    told, read = timeless(heard(listener)), timeless(await listed(desk))
    assert Counter(kind for kind, *_ in read) == {"Payment": 2, "Refund": 1, "PaymentRequest": 2}
    assert read == told


async def test_a_list_that_an_account_does_not_have_ends_nothing(desk: Desk) -> None:
    invoice = await desk.invoice(notes=NOTES)
    await desk.control("fail", status=400, times=2, path="/disputes")
    await desk.control("fail", status=404, times=2, path="/settlements")
    assert [fact.id for fact in await listed(desk)] == [invoice.id]
