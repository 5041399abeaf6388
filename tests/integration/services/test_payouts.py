"""The payout check over the facts of a tracker connection, in both stores, and its alert the day before promoters are paid."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from affluent.catalog import load
from affluent.domain.money.facts import Fact
from affluent.domain.money.payout import Reason
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.money.payouts import Payouts, as_csv
from affluent.services.operations.alerts import Alerts, Wishes, is_payout_day
from tests.integration.services.desk import Desk, desk
from tests.support.books import TRACKER, keep_facts, keep_tracker
from tests.unit.money.made import NOW, commission, invoice, paid, refund

LAST = NOW.date()
SALE: tuple[Fact, ...] = (invoice(), paid(), refund(47200))


def earned(amount: int = 15000, **fields: object) -> Fact:
    return replace(commission(amount), source=TRACKER, **fields)


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        yield opened


def payouts(here: Desk) -> Payouts:
    return Payouts(database=here.database, apps=load().apps, vault=here.vault, zone="Asia/Kolkata")


async def test_commissions_are_held_against_the_stored_facts_of_their_sales(here: Desk) -> None:
    await keep_tracker(here.database, here.vault)
    part = earned(id="com_2", entry_id="INV-1:pay_9", sale_id="")
    await keep_facts(here.database, [*SALE, earned(), part, commission(999, id_="com_9")])
    check = await payouts(here).check(as_of=LAST)
    assert (check.connection_id, check.name, check.zone) == (TRACKER, "Main account", "Asia/Kolkata")
    assert [(row.commission_id, row.sale_id, row.held, row.reasons) for row in check.held] == [
        ("com_1", "INV-1", 6000, (Reason.REFUNDED,)),
        ("com_2", "INV-1", 6000, (Reason.REFUNDED,)),
    ]
    assert check.sums("to_pay") == {"INR": 18000}


async def test_the_last_day_counts_whole_in_the_zone_of_the_server(here: Desk) -> None:
    await keep_tracker(here.database, here.vault)
    evening = earned(happened_at=NOW.replace(hour=18, minute=29))
    night = earned(id="com_2", happened_at=NOW.replace(hour=18, minute=30))
    await keep_facts(here.database, [invoice(), paid(), evening, night])
    check = await payouts(here).check(as_of=LAST)
    assert [promoter.earned for promoter in check.promoters] == [15000]


async def test_without_a_tracker_there_is_nothing_to_check(here: Desk) -> None:
    with pytest.raises(Conflict, match="no connection to an affiliate tracker"):
        await payouts(here).check()


async def test_one_of_several_trackers_has_to_be_named(here: Desk) -> None:
    await keep_tracker(here.database, here.vault)
    await keep_tracker(here.database, here.vault, id_="con_b", name="Second account")
    assert [tracker.id for tracker in await payouts(here).trackers()] == [TRACKER, "con_b"]
    with pytest.raises(Invalid, match=r"con_b \(Second account\)"):
        await payouts(here).check()
    with pytest.raises(NotFound, match="con_c"):
        await payouts(here).check("con_c")


async def test_the_csv_has_each_promoter_and_each_held_commission(here: Desk) -> None:
    await keep_tracker(here.database, here.vault)
    await keep_facts(here.database, [*SALE, earned(promoter_id="=cmd")])
    rows = list(csv.DictReader(io.StringIO(as_csv(await payouts(here).check(as_of=LAST)))))
    assert [(row["row"], row["promoter_id"], row["held"], row["to_pay"], row["reasons"]) for row in rows] == [
        ("promoter", "'=cmd", "60.00", "90.00", ""),
        ("held", "'=cmd", "60.00", "", "refunded"),
    ]


@pytest.mark.parametrize(
    ("day", "payout_day", "is_one"),
    [
        (date(2026, 11, 15), 15, True),
        (date(2026, 11, 14), 15, False),
        (date(2026, 11, 30), 31, True),
        (date(2027, 2, 28), 30, True),
        (date(2026, 11, 30), 0, False),
    ],
)
def test_a_month_that_is_too_short_pays_on_its_last_day(day: date, payout_day: int, *, is_one: bool) -> None:
    assert is_payout_day(day, payout_day) is is_one


def alerts(here: Desk, network: Network, payout_day: int) -> Alerts:
    wishes = Wishes(
        targets=("http://127.0.0.1:1/",), smtp="", sender="", failures=9, queue_age=timedelta(days=9),
        payout_day=payout_day,
    )  # fmt: skip
    return Alerts(database=here.database, network=network, wishes=wishes, server_url="http://hub")


@pytest.mark.parametrize(("days", "number"), [(1, 1), (2, 0)])
async def test_an_alert_goes_out_the_day_before_the_payout(
    here: Desk, monkeypatch: pytest.MonkeyPatch, days: int, number: int
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    await keep_tracker(here.database, here.vault)
    await keep_facts(here.database, [*SALE, earned()])
    network = Network(allow_private=True, timeout_seconds=5)
    payout_day = (NOW + timedelta(days=days)).day
    assert await alerts(here, network, payout_day).sweep(payouts(here)) == number
    await network.close()


async def test_the_alert_says_how_much_should_not_be_paid(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []

    async def send(_self: Alerts, _target: str, message: str) -> bool:
        messages.append(message)
        return True

    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(Alerts, "_send", send)
    await keep_tracker(here.database, here.vault)
    await keep_facts(here.database, [*SALE, earned()])
    network = Network(allow_private=True, timeout_seconds=5)
    sent = alerts(here, network, (NOW + timedelta(days=1)).day)
    assert [await sent.sweep(payouts(here)), await sent.sweep(payouts(here))] == [1, 0]
    assert (
        "Promoters of Main account are paid on 2026-11-27: INR 60.00 of 1 commission should not be paid." in messages[0]
    )
    await network.close()


async def test_nothing_to_hold_raises_no_alert(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    await keep_tracker(here.database, here.vault)
    await keep_facts(here.database, [invoice(), paid(), earned()])
    network = Network(allow_private=True, timeout_seconds=5)
    assert await alerts(here, network, (NOW + timedelta(days=1)).day).sweep(payouts(here)) == 0
    await network.close()
