"""What a sale amounts to, told from outside: whatever comes in whatever order, tracker and billing end with the right money."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from affluent.store import tables
from tests.acceptance.public_flows import Stage, staged
from tests.contract.firstpromoter import test_flows as promoting


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A seller's hub and every vendor."""
    async with staged(tmp_path) as whole:
        yield whole


async def save_visitor_id(stage: Stage, account: str, visitor_id: str) -> None:
    """The sign-up page saves the visitor id on the account, after the account was made."""
    setting = {
        "id": "FirstPromoterTid", "value": visitor_id, "namespace": "USER", "name": "Visitor", "dataType": "STRING",
        "entityType": "ACCOUNT", "entityId": account,
    }  # fmt: skip
    await stage.shop.bill("POST", "/settings", setting)
    await stage.shop.settle()


async def states(stage: Stage) -> list[str]:
    """States of all runs, oldest first."""
    return [row.state for row in sorted(await stage.shop.rows(tables.runs), key=lambda row: row.id)]


async def test_a_visitor_id_that_is_saved_after_the_sale_credits_its_promoter(stage: Stage) -> None:
    await stage.shop.enable("sync_new_accounts")
    await stage.shop.enable("track_referral_sale")
    account = await stage.shop.account(1, currency="USD")
    await promoting.pay(stage.shop, account)
    assert await states(stage) == ["skipped", "skipped"]
    await save_visitor_id(stage, account, "tid_001")
    assert await stage.sales() == [(249_900, "USD")]
    assert await states(stage) == ["succeeded", "succeeded"]


async def test_a_sale_that_nobody_referred_says_when_it_is_asked_about_again(stage: Stage) -> None:
    await stage.shop.enable("track_referral_sale")
    account = await stage.shop.account(1, currency="USD")
    await promoting.pay(stage.shop, account)
    [(state, sentence)] = await stage.shop.ends()
    assert state == "skipped"
    assert "Asked again by itself at" in sentence


async def test_a_refund_beside_a_refused_sale_is_not_told_and_the_resumed_sale_neither(stage: Stage) -> None:
    await stage.referred()
    for flow in ("track_referral_sale", "track_refund"):
        await stage.shop.enable(flow)
    stage.shop.promoter.fail_next(400, path="/track/sale", body='{"message": "Plan is not valid."}')
    await promoting.pay(stage.shop, stage.account)
    stage.invoice = (await stage.shop.bill("GET", f"/invoices?account_id={stage.account}"))["data"][0]["id"]
    await stage.refund()
    await stage.shop.settle()
    assert await stage.kept("refunds") == 0
    failed = next(row for row in await stage.shop.rows(tables.runs) if row.state == "failed")
    await stage.shop.hub.runs.resume(failed.id)
    await stage.shop.settle()
    assert (await stage.sales(), await stage.kept("refunds")) == ([], 0)


async def test_a_sale_is_told_with_its_refund_once_it_is_told_at_all(stage: Stage) -> None:
    await stage.sold()
    await stage.shop.enable("track_refund")
    await stage.refund()
    await stage.shop.settle()
    assert [refund["amount"] for refund in stage.shop.promoter.books()["refunds"]] == [249_900]
    effects = await stage.shop.rows(tables.effects)
    told = {effect.tells: (effect.fate, effect.sale_id, effect.units) for effect in effects if effect.sale_id}
    assert told == {"sale": ("applied", stage.invoice, 249_900), "refund": ("applied", stage.invoice, 249_900)}
