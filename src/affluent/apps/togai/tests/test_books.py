"""The books of a Togai elsewhere: invoices and payments of a window once, page by page, over outages, in few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from affluent.apps.togai.app import app
from affluent.domain.money.facts import current
from affluent.kit import clock
from affluent.kit.jsons import JSONValue, loads
from affluent.sdk import BookPage, BookRecord, RateLimited, Unavailable, Window
from affluent.sdk.facts import Fact, Origin
from tests.support.apps import Bench, bench
from tests.support.workspace import Workspace, payment, served, workspace

MANY = 53
"""More than a page of 50."""


@dataclass
class Gate:
    """Lets requests through, notes their paths, and answers some of them with a status instead."""

    inner: ASGIApp
    asked: list[str] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        self.asked.append(scope["path"].removeprefix("/togai"))
        if not self.refuse:
            await self.inner(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.refuse.pop(0), "headers": [(b"retry-after", b"7")]})
        await send({"type": "http.response.body", "body": b'{"message":"not now"}'})


@dataclass
class Remote:
    """A workspace at another server, and the app connected to it."""

    there: Workspace
    gate: Gate
    desk: Bench

    async def page(self, window: Window, cursor: JSONValue = None) -> BookPage:
        """One page of its books."""
        assert app.books is not None
        return await app.books.read(self.desk.context(), window, cursor)

    async def whole(self, window: Window, cursor: JSONValue = None) -> list[BookRecord]:
        """All records from a place on."""
        found: list[BookRecord] = []
        while True:
            read = await self.page(window, cursor)
            found += read.records
            cursor = read.cursor
            if not read.more:
                return found

    async def facts(self, window: Window) -> list[Fact]:
        """All facts of all pages."""
        facts: list[Fact] = []
        cursor: JSONValue = None
        more = True
        while more:
            page = await self.page(window, cursor)
            facts += page.facts
            cursor, more = page.cursor, page.more
        return facts

    async def paid(self, number: int) -> list[str]:
        """So many invoices, paid at the gateway; their ids."""
        ids = []
        for count in range(number):
            made = await self.there.invoice(100 + count)
            reference = {"sourceName": "Razorpay", "sourceType": "GATEWAY", "transactionNumber": f"pay_{count}"}
            body = payment(made["id"], 100 + count, externalPaymentReference=reference)
            await self.there.done("POST", "/payments", body)
            ids.append(made["id"])
        return ids


@pytest.fixture
async def remote(tmp_path: Any) -> AsyncIterator[Remote]:
    """A workspace with one account, behind a gate."""
    async with workspace(f"sqlite:///{tmp_path / 'there.db'}") as there:
        await there.customer()
        gate = there.app = Gate(there.app)
        async with (
            served(there) as url,
            bench(app, {"secret_key": there.secret, "base_url": url}, now=clock.now()) as desk,
        ):
            yield Remote(there, gate, desk)


def today() -> Window:
    """The days around now."""
    return Window(start=clock.now() - timedelta(days=1), end=clock.now() + timedelta(days=1))


async def test_every_invoice_and_payment_is_read_once_page_by_page(remote: Remote) -> None:
    ids = await remote.paid(MANY)
    await remote.there.invoice(999)
    remote.gate.asked.clear()
    found = await remote.whole(today())
    invoices = [one for one in found if one.kind == "invoice"]
    receipts = [one for one in found if one.kind == "receipt"]
    assert sorted(one.id for one in invoices) == sorted(ids), "what is due and not paid is in no book"
    assert sorted(one.about for one in receipts) == sorted(ids)
    assert sum(one.amount.minor_units for one in invoices) == sum((100 + count) * 100 for count in range(MANY))
    assert {(one.account_id, one.amount.currency) for one in found} == {("ACC-1", "USD")}
    lists = [path for path in remote.gate.asked if path in ("/invoices", "/payments", "/credits")]
    assert (lists.count("/invoices"), lists.count("/payments")) == (2, 2)
    assert len(remote.gate.asked) == len(lists) + MANY + 1, "one request for each invoice, and no more"


async def test_what_was_paid_outside_the_window_is_in_no_record_and_payments_end_before_it(remote: Remote) -> None:
    await remote.paid(2)
    window = today()
    later = Window(start=window.end, end=window.end + timedelta(days=1))
    assert await remote.whole(later) == []
    before = Window(start=window.start - timedelta(days=9), end=window.start)
    assert await remote.whole(before) == []


@pytest.mark.parametrize(("status", "error"), [(503, Unavailable), (429, RateLimited)])
async def test_an_outage_in_the_middle_is_gone_on_with_from_its_page(
    remote: Remote, status: int, error: type[Exception]
) -> None:
    await remote.paid(MANY)
    window = today()
    first = await remote.page(window)
    assert len(first.records) == 50
    remote.gate.refuse = [status]
    with pytest.raises(error) as caught:
        await remote.page(window, first.cursor)
    if status == 429:
        assert caught.value.retry_after == timedelta(seconds=7)
    remote.gate.asked.clear()
    rest = await remote.whole(window, first.cursor)
    ids = [(one.kind, one.id) for one in (*first.records, *rest)]
    assert (len(ids), len(set(ids))) == (2 * MANY, 2 * MANY)
    assert remote.gate.asked.count("/invoices") == 1, "the page that was read is not asked for again"


async def test_an_invoice_given_back_is_an_invoice_and_a_refund(remote: Remote) -> None:
    (given_back,) = await remote.paid(1)
    for status in ("REFUND_INITIATED", "REFUND_COMPLETED"):
        await remote.there.done("PATCH", f"/invoices/{given_back}", {"status": status})
    kinds = {one.kind: one for one in await remote.whole(today())}
    assert set(kinds) == {"invoice", "receipt", "refund"}
    assert (kinds["refund"].about, kinds["refund"].amount) == (given_back, kinds["invoice"].amount)


async def test_a_payment_by_hand_is_no_receipt_of_the_gateway(remote: Remote) -> None:
    made = await remote.there.invoice(100)
    await remote.there.done("POST", "/payments", payment(made["id"], 100))
    assert [one.kind for one in await remote.whole(today())] == ["invoice"]


def timeless(facts: Iterable[Fact]) -> dict[Any, dict[str, Any]]:
    """The last state of each thing, without its times, which lists tell otherwise."""
    return {
        fact.thing: {name: value for name, value in asdict(fact).items() if not isinstance(value, datetime)}
        for fact in current(facts)
    }


async def test_lists_say_the_same_facts_as_events(remote: Remote) -> None:
    await remote.paid(1)
    await remote.there.invoice(300)
    by_hand = await remote.there.invoice(100)
    await remote.there.done("POST", "/payments", payment(by_hand["id"], 100))
    granted = {"account_id": "ACC-1", "amount": 1250, "currency": "USD", "purpose": "Commission 77 of FirstPromoter"}
    await remote.desk.run("grant_credit", granted)
    triggers = {trigger.event: trigger for trigger in app.triggers.values()}
    told: list[Fact] = []
    for event in await remote.there.events():
        facts = triggers[event.type].facts
        told += (
            facts(loads(event.payload), Origin(source="", happened_at=event.occurred_at, learned_at=event.received_at))
            if facts
            else []
        )
    listed = timeless(await remote.facts(today()))
    assert Counter(kind for kind, *_ in listed) == {"Invoice": 3, "Application": 2, "Payment": 1, "CreditGrant": 1}
    assert listed == timeless(told)
