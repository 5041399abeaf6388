"""What was spoiled is put right through the engine: the remainder becomes 0.00 and nothing is doubled, however often one asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from affluent.kit.money import Money
from affluent.services.errors import Conflict
from affluent.store import tables
from tests.contract.razorpay.market import Market, market
from tests.integration.money.test_reconciling import classes, paid, reconciled


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> AsyncIterator[Market]:
    """Workspace, hub and twins, connected; sign-ups are tracked."""
    async with market(tmp_path, database_url) as here:
        await here.connect()
        await here.enable("sync_new_accounts")
        yield here


async def spoiled(shop: Market) -> dict[str, str]:
    """Five invoices, each wrong at the tracker in its own way; what → invoice."""
    never = await paid(shop, await shop.account(1, tid="tid_1"))
    await shop.enable("track_referral_sale")
    made = {"never": never}
    for number, what in enumerate(("deleted", "above", "below", "doubled", "moved"), start=2):
        made[what] = await paid(shop, await shop.account(number, tid=f"tid_{number % 2}"))
    ledger = shop.promoter.ledger
    for commission in list(ledger.commissions.values()):
        if commission.event_id == made["deleted"]:
            del ledger.commissions[commission.id], ledger.sales[made["deleted"]]
        elif commission.event_id == made["above"]:
            commission.original_amount = commission.sale_amount = commission.sale_amount + 44_982
        elif commission.event_id == made["below"]:
            commission.original_amount = commission.sale_amount = commission.sale_amount - 100_000
        elif commission.event_id == made["doubled"]:
            ledger.earn(commission.referral, event_id=made["doubled"], amount=commission.sale_amount, currency="INR")
        elif commission.event_id == made["moved"]:
            commission.referral = ledger.by_uid["ACC-1"]
    return made


async def test_a_repair_previews_every_call_and_then_closes_the_books(shop: Market) -> None:
    made = await spoiled(shop)
    statement = await reconciled(shop)
    assert len(await classes(shop, statement)) == len(made)
    before = len(await shop.rows(tables.effects))
    plan = await shop.hub.repair.preview(statement.id)
    assert len(await shop.rows(tables.effects)) == before
    assert [call.how for call in plan.calls].count("send") == 6
    assert (plan.by_hand, [call.how for call in plan.calls].count("replay")) == (0, 1)
    moved = [249_900, 249_900, -44_982, 100_000, -249_900, -249_900, 249_900]
    assert sorted(call.money.minor_units for call in plan.calls if call.money) == sorted(moved)
    assert plan.money == (Money(sum(moved), "INR"),)
    keys = {call.effect_key for call in plan.calls}
    assert f"{shop.connections['firstpromoter']}/firstpromoter.track_sale/{made['never']}" in keys

    await shop.hub.repair.apply(statement.id, author="Finance")
    await shop.settle()
    after = await reconciled(shop)
    assert await classes(shop, after) == {}
    assert after.remainder == {"INR": 0}
    assert shop.promoter.ledger.duplicates == 0


async def test_asked_for_twice_nothing_is_done_twice(shop: Market) -> None:
    await spoiled(shop)
    statement = await reconciled(shop)
    first = await shop.hub.repair.apply(statement.id, author="Finance")
    await shop.settle()
    earned = sorted(c.id for c in shop.promoter.ledger.commissions.values())
    again = await shop.hub.repair.apply(statement.id, author="Finance")
    await shop.settle()
    assert (len(first.run_ids), first.known, again.known) == (7, 0, 6)
    assert sorted(c.id for c in shop.promoter.ledger.commissions.values()) == earned
    assert (await shop.hub.ledgers.verify()).problems == []


async def test_a_failed_sale_goes_on_where_it_stood(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    account = await shop.account(1, tid="tid_1")
    shop.promoter.fail_next(400, path="/track/sale")
    await paid(shop, account)
    statement = await reconciled(shop)
    (line,) = (await shop.hub.reconciliation.lines(statement.id, limit=9))[0]
    assert (line.name, line.open) == ("failed", 249_900)
    (call,) = (await shop.hub.repair.preview(statement.id, [line.number])).calls
    assert (call.how, call.money) == ("resume", Money(249_900, "INR"))
    await shop.hub.repair.apply(statement.id, [line.number], author="Finance")
    await shop.settle()
    assert (await reconciled(shop)).remainder == {"INR": 0}


async def test_money_not_given_back_at_the_gateway_is_given_back_once(shop: Market) -> None:
    for flow in ("track_referral_sale", "track_refund", "sync_accounts_to_razorpay", "create_payment_request"):
        await shop.enable(flow)
    await shop.enable("mark_invoice_paid")
    invoice = await shop.invoice(await shop.account(1, tid="tid_1"))
    await shop.control("pay", id=shop.razorpay.books()["invoices"][0]["id"])
    await shop.settle()
    for status in ("REFUND_INITIATED", "REFUND_COMPLETED"):
        await shop.bill("PATCH", f"/invoices/{invoice}", {"status": status})
        await shop.settle()
    statement = await reconciled(shop)
    for _ in range(2):
        await shop.hub.repair.apply(statement.id, author="Finance")
        await shop.settle()
    (refund,) = shop.razorpay.books()["refunds"]
    assert refund["amount"] == 249_900
    if refund["status"] == "processed":
        assert (await reconciled(shop)).remainder == {"INR": 0}


async def test_a_closed_period_is_not_repaired(shop: Market) -> None:
    statement = await reconciled(shop)
    await shop.hub.reconciliation.lock(statement.id, author="Finance")
    with pytest.raises(Conflict, match="closed"):
        await shop.hub.repair.preview(statement.id)
