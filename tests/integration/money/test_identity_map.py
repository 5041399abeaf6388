"""The id map: conflicts are listed and settled, and the map goes out and in as CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from affluent.services.errors import Invalid, NotFound
from tests.contract.razorpay.market import Market, market

HEAD = "account_id,app,kind,external_id\n"


async def taken(shop: Market, *lines: str) -> int:
    """Lines imported."""
    return await shop.hub.identity_map.take(HEAD + "\n".join(lines), author="Mira")


@pytest.fixture
async def shop(tmp_path: Path, database_url: str):
    """Workspace, hub and twins, connected."""
    async with market(tmp_path, database_url) as here:
        await here.connect()
        yield here


async def test_an_id_of_two_accounts_is_a_conflict_until_somebody_says_whose_it_is(shop: Market) -> None:
    lines = ("A,firstpromoter,referral,7", "B,firstpromoter,referral,7", "C,firstpromoter,referral,8")
    shared = ("A,firstpromoter,promoter,1", "B,firstpromoter,promoter,1")
    assert await taken(shop, *lines, *shared) == 5
    (conflict,) = await shop.hub.identity_map.conflicts()
    assert (conflict.kind, conflict.external_id, conflict.account_ids) == ("referral", "7", ("A", "B"))
    same = {"app": "firstpromoter", "kind": "referral", "external_id": "7"}
    with pytest.raises(NotFound):
        await shop.hub.identity_map.merge(**same, account_id="C", author="Mira")
    await shop.hub.identity_map.merge(**same, account_id="B", author="Mira")
    assert await shop.hub.identity_map.conflicts() == []
    (left,) = await shop.hub.identities.find(external_id="7")
    assert (left.account_id, left.how) == ("B", "merged by Mira")


async def test_what_was_exported_can_be_imported_again(shop: Market) -> None:
    await taken(shop, "A,razorpay,customer,cust_1", "'=B,razorpay,customer,cust_2")
    text = await shop.hub.identity_map.export()
    assert "'=B" in text
    assert await shop.hub.identity_map.take(text, author="Mira") == 2
    assert await shop.hub.identity_map.export() == text
    assert [one.account_id for one in await shop.hub.identities.find(external_id="cust_2")] == ["=B"]


async def test_one_wrong_line_and_nothing_is_imported(shop: Market) -> None:
    with pytest.raises(Invalid) as refused:
        await taken(shop, "A,razorpay,customer,cust_1", "B,nowhere,customer,2", ",razorpay,customer,3")
    assert [where for where, _ in refused.value.problems] == ["line 3", "line 4"]
    assert await shop.hub.identities.find(external_id="cust_1") == []


async def test_a_file_without_lines_or_columns_is_refused(shop: Market) -> None:
    for text in ("", "a,b\n1,2\n"):
        with pytest.raises(Invalid) as refused:
            await shop.hub.identity_map.take(text, author="Mira")
        assert refused.value.field == "csv"


@pytest.mark.parametrize(
    "text", ["Í\rT\x0eF", "account_id,kind\r\rx", "a\x00b", 'account_id,"' + "x" * 140_000, "\r", ",,,\n,,,,,,,", '"']
)
async def test_a_file_that_is_no_table_of_identities_is_refused_in_words(shop: Market, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        await shop.hub.identity_map.take(text, author="Mira")
    assert refused.value.field == "csv"
