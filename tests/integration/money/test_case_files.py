"""One invoice of a statement: found by any id, unfolded with every record, named for people; lines by currency."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from affluent.domain.reconciliation.statement import Class, Leg
from affluent.services.errors import NotFound
from tests.contract.razorpay.market import Market, market
from tests.integration.money.test_reconciling import paid, reconciled


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> AsyncIterator[Market]:
    """Workspace, hub and twins, connected; sign-ups and sales are tracked."""
    async with market(tmp_path, database_url) as here:
        await here.connect()
        for flow in ("sync_new_accounts", "track_referral_sale"):
            await here.enable(flow)
        yield here


async def test_a_case_is_found_by_any_id_and_holds_every_record(shop: Market) -> None:
    invoice = await paid(shop, await shop.account(1, tid="tid_1"))
    stranger = await paid(shop, await shop.account(2))
    statement = await reconciled(shop)
    files = shop.hub.case_files
    (commission,) = [item for item in (await files.show(statement.id, invoice)).records if item.kind == "commission"]
    lines, _ = await shop.hub.reconciliation.lines(statement.id, names=[Class.MATCHED], currency="INR")
    number = (await files.names(statement.id, lines))[invoice].invoice
    assert number.startswith("INV-")
    for asked_for in (invoice, number, commission.id):
        assert await files.find(statement.id, asked_for) == invoice
    assert await files.find(statement.id, "nobody's") == ""
    case = await files.show(statement.id, invoice)
    assert [record.kind for record in case.records] == ["invoice", "claim", "commission"]
    assert [(line.leg, line.name) for line in case.lines] == [
        (Leg.SALE, Class.MATCHED),
        (Leg.COMMISSION, Class.MATCHED),
    ]
    assert (commission.basis, case.records[1].status) == ("INR 2,499.00", "applied")
    (unreferred,) = (await files.show(statement.id, stranger)).lines
    (kept,), _ = await shop.hub.reconciliation.lines(statement.id)
    assert (unreferred.number, unreferred.sentence) == (kept.number, kept.sentence)
    with pytest.raises(NotFound):
        await files.show(statement.id, "nobody's")


async def test_lines_are_those_of_one_currency(shop: Market) -> None:
    await paid(shop, await shop.account(2))
    statement = await reconciled(shop)
    for currency, count in (("INR", 1), ("USD", 0), ("", 1)):
        assert len((await shop.hub.reconciliation.lines(statement.id, currency=currency))[0]) == count


async def test_the_id_map_is_read_page_by_page_and_by_any_id(shop: Market) -> None:
    account = await shop.account(1, tid="tid_1")
    await paid(shop, account)
    await paid(shop, await shop.account(2, tid="tid_2"))
    every, after = await shop.hub.identity_map.page()
    assert (len(every) > 1, after) == (True, ())
    seen = []
    while True:
        page, after = await shop.hub.identity_map.page(limit=1, after=after)
        seen += page
        if not after:
            break
    assert seen == every
    one = every[0]
    assert one.connection_name
    for q in (account, one.external_id):
        assert one in (await shop.hub.identity_map.page(q=q, app=one.app))[0]
    assert await shop.hub.identity_map.page(q="nobody's") == ([], ())
    assert await shop.hub.why.knows(account) == "account"
    assert await shop.hub.why.knows("nobody's") == ""
