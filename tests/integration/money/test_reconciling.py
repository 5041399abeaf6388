"""A period reconciled end to end: workspace, hub and twins, on both stores; what is spoiled on purpose is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from affluent.domain.reconciliation.statement import Class, Leg
from affluent.kit import clock
from affluent.services.errors import Conflict, Invalid
from affluent.services.reconciliation.views import StatementView
from affluent.store.tables import money as tables_money
from tests.contract.razorpay.market import Market, market


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> AsyncIterator[Market]:
    """Workspace, hub and twins, connected; sign-ups and sales are tracked."""
    async with market(tmp_path, database_url) as here:
        await here.connect()
        await here.enable("sync_new_accounts")
        yield here


async def paid(shop: Market, account: str, amount: str = "2499.00", *, key: str = "1") -> str:
    """An invoice that was paid in billing."""
    invoice = await shop.invoice(account, amount, key=key)
    await shop.bill("PATCH", f"/invoices/{invoice}", {"status": "PAID"})
    await shop.settle()
    return invoice


async def reconciled(shop: Market) -> StatementView:
    """The days around today, reconciled."""
    today = clock.now().date()
    begun = await shop.hub.reconciliation.begin(
        today - timedelta(days=1), today + timedelta(days=1), zone="Asia/Kolkata", author="test"
    )
    return await shop.hub.reconciliation.run(begun.id)


async def classes(shop: Market, statement: StatementView) -> dict[tuple[str, str], tuple[str, str]]:
    """(invoice, leg) → (class, reason) of everything that is not matched."""
    found, _ = await shop.hub.reconciliation.lines(statement.id, limit=200)
    return {(line.invoice_id, line.leg): (line.name, line.reason) for line in found}


async def test_books_that_agree_leave_nothing_unexplained(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    referred, stranger = await shop.account(1, tid="tid_1"), await shop.account(2)
    await paid(shop, referred)
    await paid(shop, stranger)
    statement = await reconciled(shop)
    assert (statement.phase, statement.sentence, statement.remainder) == ("done", "", {"INR": 0})
    (figure,) = statement.figures
    assert (figure.paid, figure.tracked, figure.not_referred, figure.unexplained) == (499_800, 249_900, 249_900, 0)
    assert figure.text["paid"] == "INR 4,998.00"
    assert sum(day.matched for day in statement.days) == 2
    matched, _ = await shop.hub.reconciliation.lines(statement.id, names=[Class.MATCHED], limit=10)
    assert {line.leg for line in matched} == {Leg.SALE, Leg.COMMISSION}


async def test_what_was_never_sent_deleted_doubled_or_changed_there_is_found(shop: Market) -> None:
    never = await paid(shop, await shop.account(1, tid="tid_1"))
    await shop.enable("track_referral_sale")
    deleted = await paid(shop, await shop.account(2, tid="tid_2"))
    changed = await paid(shop, await shop.account(3, tid="tid_1"))
    doubled = await paid(shop, await shop.account(4, tid="tid_2"))
    moved = await paid(shop, await shop.account(5, tid="tid_1"))
    ledger = shop.promoter.ledger
    for commission in list(ledger.commissions.values()):
        if commission.event_id == deleted:
            del ledger.commissions[commission.id]
        elif commission.event_id == changed:
            commission.original_amount = commission.sale_amount = commission.sale_amount + 1
        elif commission.event_id == doubled:
            ledger.earn(commission.referral, event_id=doubled, amount=commission.sale_amount, currency="INR")
        elif commission.event_id == moved:
            commission.referral = ledger.by_uid["ACC-1"]
    found = await classes(shop, await reconciled(shop))
    assert {case: item for (case, leg), item in found.items() if leg == Leg.SALE} == {
        never: ("missing_there", "never_sent"),
        deleted: ("missing_there", "was_sent"),
        changed: ("amount_differs", "rounding"),
        doubled: ("doubled_there", ""),
        moved: ("wrong_account", "ACC-1"),
    }


async def test_refunds_and_payments_are_compared_too(shop: Market) -> None:
    for flow in ("track_referral_sale", "track_refund", "sync_accounts_to_razorpay", "create_payment_request"):
        await shop.enable(flow)
    await shop.enable("mark_invoice_paid")
    account = await shop.account(1, tid="tid_1")
    invoice = await shop.invoice(account)
    (request,) = shop.razorpay.books()["invoices"]
    await shop.control("pay", id=request["id"])
    await shop.settle()
    for status in ("REFUND_INITIATED", "REFUND_COMPLETED"):
        await shop.bill("PATCH", f"/invoices/{invoice}", {"status": status})
        await shop.settle()
    statement = await reconciled(shop)
    names = {(total.leg, total.name): total.count for total in statement.totals}
    assert names["sale", "matched"] == names["refund", "matched"] == names["payment", "matched"] == 1
    assert await classes(shop, statement) == {(invoice, "payment_refund"): ("refunded_here_only", "")}
    assert statement.remainder == {"INR": 249_900}


async def test_a_changed_snapshot_or_line_is_found(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    await paid(shop, await shop.account(1, tid="tid_1"))
    await paid(shop, await shop.account(2))
    statement = await reconciled(shop)
    assert await shop.hub.reconciliation.problems(statement.id) == []
    for table, values in (
        (tables_money.snapshot_records, {"amount": 1}),
        (tables_money.statement_lines, {"reason": "x"}),
    ):
        await shop.hub.database.write(lambda c, t=table, v=values: c.execute(update(t).values(**v)))
    found = await shop.hub.reconciliation.problems(statement.id)
    assert len(found) == len([s for s in statement.snapshots if s.records]) + 1


async def test_a_closed_period_is_not_reconciled_again_until_it_is_opened(shop: Market) -> None:
    statement = await reconciled(shop)
    await shop.hub.reconciliation.lock(statement.id, author="Finance")
    with pytest.raises(Conflict, match=f"closed by {statement.id}"):
        await reconciled(shop)
    await shop.hub.reconciliation.unlock(statement.id)
    assert (await reconciled(shop)).phase == "done"


async def test_reading_goes_on_where_it_was_interrupted(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    await paid(shop, await shop.account(1, tid="tid_1"))
    today = clock.now().date()
    begun = await shop.hub.reconciliation.begin(today, today, zone="UTC", author="test")
    shop.promoter.fail_next(503)
    waiting = await shop.hub.reconciliation.run(begun.id)
    assert waiting.phase == "reading"
    done = {s.app: s.pages for s in waiting.snapshots if s.phase == "complete"}
    again = update(tables_money.statements).values(leased_until=None)
    await shop.hub.database.write(lambda connection: connection.execute(again))
    assert await shop.hub.reconciliation.advance() == 1
    statement = await shop.hub.reconciliation.get(begun.id)
    assert (statement.phase, statement.remainder) == ("done", {"INR": 0})
    assert done.items() <= {s.app: s.pages for s in statement.snapshots}.items()


async def test_days_and_zones_that_make_no_sense_are_refused_by_name(shop: Market) -> None:
    today = clock.now().date()
    with pytest.raises(Invalid) as refused:
        await shop.hub.reconciliation.begin(today, today, zone="Mars/Base", author="test")
    assert refused.value.field == "zone"
    with pytest.raises(Invalid) as refused:
        await shop.hub.reconciliation.begin(today, today - timedelta(days=1), author="test")
    assert refused.value.field == "to"


async def test_a_long_list_is_read_in_pages_and_every_record_once(shop: Market) -> None:
    await shop.enable("track_referral_sale")
    invoice = await paid(shop, await shop.account(1, tid="tid_1", currency="USD"))
    ledger = shop.promoter.ledger
    (commission,) = ledger.commissions.values()
    for number in range(250):
        ledger.earn(commission.referral, event_id=f"elsewhere-{number}", amount=1_000, currency="USD")
    statement = await reconciled(shop)
    (snapshot,) = [item for item in statement.snapshots if item.app == "firstpromoter"]
    assert (snapshot.pages, snapshot.records, snapshot.phase) == (3, 251, "complete")
    extra = next(total for total in statement.totals if total.name == "extra_there")
    assert (extra.count, extra.theirs, extra.currency) == (250, 250_000, "USD")
    matched, _ = await shop.hub.reconciliation.lines(statement.id, names=[Class.MATCHED], leg=Leg.SALE, limit=10)
    assert [line.invoice_id for line in matched] == [invoice]


async def test_a_statement_that_a_vendors_value_breaks_fails_by_itself_and_the_next_is_done(
    shop: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciliation, today = shop.hub.reconciliation, clock.now().date()
    read, broken = reconciliation._read_books, await reconciliation.begin(today, today, zone="UTC", author="test")
    other = await reconciliation.begin(today - timedelta(days=1), today, zone="UTC", author="test")

    async def odd(statement_id: str, *more: Any) -> None:
        if statement_id == broken.id:
            raise OverflowError("a number that no column takes")
        await read(statement_id, *more)

    monkeypatch.setattr(reconciliation, "_read_books", odd)
    await reconciliation.advance()
    failed, done = [await reconciliation.get(each.id) for each in (broken, other)]
    assert (failed.phase, "OverflowError" in failed.sentence, done.phase) == ("failed", True, "done")
