"""FirstPromoter's books in both API versions: every commission of a window once, page by page, over outages."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.kit import clock
from affluent.kit.jsons import JSONValue
from affluent.sdk import BookPage, BookRecord, RateLimited, Unavailable, Window
from affluent.sdk.facts import Commission, Entry

MANY = 205
LIST = {1: "/rewards/list", 2: "/company/commissions"}


async def page(vendor: Bench, window: Window, cursor: JSONValue = None) -> BookPage:
    """One page of the books."""
    assert app.books is not None
    return await app.books.read(vendor.context(), window, cursor)


async def whole(vendor: Bench, window: Window) -> tuple[list[BookRecord], int]:
    """All pages, and how many there were."""
    found, cursor, pages = [], None, 0
    while True:
        read = await page(vendor, window, cursor)
        found, cursor, pages = [*found, *read.records], read.cursor, pages + 1
        if not read.more:
            return found, pages
        assert pages < 10, "the books do not end"


def around(at: datetime, days: int = 1) -> Window:
    """The days around an instant."""
    return Window(start=at - timedelta(days=days), end=at + timedelta(days=days))


async def earned(vendor: Bench, number: int) -> None:
    """So many sales of one referred customer, each with its commission."""
    await vendor.run("track_signup", uid="ACC-1", email="a@n.example", tid="tid_000")
    ledger = vendor.twin.ledger
    for sale in range(number):
        ledger.earn(ledger.by_uid["ACC-1"], event_id=f"inv.{sale}", amount=1000 + sale, currency="USD")


async def test_every_commission_is_read_once_page_by_page(vendor: Bench) -> None:
    await earned(vendor, MANY)
    found, pages = await whole(vendor, around(clock.now()))
    assert pages == 3
    assert sorted(one.about for one in found) == sorted(f"inv.{sale}" for sale in range(MANY))
    assert sum(one.facts["basis"] for one in found) == sum(1000 + sale for sale in range(MANY))
    assert {one.account_id for one in found} == {"ACC-1"}


async def test_what_was_made_outside_the_window_is_in_no_record(vendor: Bench) -> None:
    await earned(vendor, 3)
    first, *_ = vendor.twin.ledger.commissions.values()
    first.created_at = (clock.now() - timedelta(days=40)).isoformat()
    now, _ = await whole(vendor, around(clock.now()))
    then, _ = await whole(vendor, around(clock.now() - timedelta(days=40)))
    assert (sorted(one.about for one in now), [one.about for one in then]) == (["inv.1", "inv.2"], ["inv.0"])


@pytest.mark.parametrize(("status", "error"), [(503, Unavailable), (429, RateLimited)])
async def test_an_outage_in_the_middle_is_gone_on_with_from_its_page(
    vendor: Bench, status: int, error: type[Exception]
) -> None:
    await earned(vendor, MANY)
    window = around(clock.now())
    first = await page(vendor, window)
    vendor.twin.fail_next(status, path=LIST[vendor.version])
    with pytest.raises(error):
        await page(vendor, window, first.cursor)
    second = await page(vendor, window, first.cursor)
    third = await page(vendor, window, second.cursor)
    assert third.more is False
    ids = [one.id for read in (first, second, third) for one in read.records]
    assert (len(ids), len(set(ids))) == (MANY, MANY)
    assert len(vendor.called(LIST[vendor.version])) == 4


async def test_denied_pending_and_refunded_commissions_say_so(vendor: Bench) -> None:
    await earned(vendor, 3)
    denied, pending, _ = vendor.twin.ledger.commissions.values()
    denied.status, pending.status = "denied", "pending"
    await vendor.run("track_sale", uid="ACC-1", event_id="inv.9", amount=1002, currency="USD")
    await vendor.run("track_refund", uid="ACC-1", event_id="r", sale_event_id="inv.9", amount=1002, currency="USD")
    found, _ = await whole(vendor, around(clock.now()))
    said = {one.about: one for one in found}
    assert [said[name].status for name in ("inv.0", "inv.1", "inv.2")] == ["denied", "pending", "approved"]
    assert [one.facts["basis"] for one in found if one.facts.get("basis", 0) < 0] == [-1002]


async def test_the_legacy_api_names_no_currency(vendor_v1: Bench) -> None:
    await earned(vendor_v1, 1)
    ((record,), _) = await whole(vendor_v1, around(clock.now()))
    assert (record.amount.currency, "basis_currency" in record.facts) == ("", False)


async def test_a_sale_in_the_vendors_unit_is_read_in_minor_units(vendor_v2: Bench) -> None:
    await vendor_v2.run("track_signup", uid="ACC-1", email="a@n.example", tid="tid_000")
    await vendor_v2.run("track_sale", uid="ACC-1", event_id="inv.1", amount=741250, currency="KWD")
    ((record,), _) = await whole(vendor_v2, around(clock.now()))
    assert (record.facts["basis"], record.facts["basis_currency"], record.facts["rounded_to"]) == (741250, "KWD", 10)


async def test_the_list_says_every_commission_and_in_api_v2_its_sale(vendor: Bench) -> None:
    await earned(vendor, 2)
    facts = (await page(vendor, around(clock.now()))).facts
    commissions = {fact.entry_id: fact for fact in facts if isinstance(fact, Commission)}
    assert {name: (fact.base, fact.sale_id) for name, fact in commissions.items()} == {
        "inv.0": (1000, "inv.0"),
        "inv.1": (1001, "inv.1"),
    }
    entries = [fact.id for fact in facts if isinstance(fact, Entry)]
    assert entries == {2: ["inv.0", "inv.1"], 1: []}[vendor.version]
