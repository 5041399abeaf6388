"""The page from which the money journal is downloaded."""

from __future__ import annotations

from tests.integration.web.browser import Browser
from tests.support.books import keep_facts
from tests.unit.money.made import invoice, paid

PAGE = "/reconciliation/journal"


async def test_the_journal_is_downloaded(owner: Browser) -> None:
    await keep_facts(owner.desk.database, [invoice(), paid()])
    assert "Zoho Books" in (await owner.get(PAGE)).words
    answer = await owner.get(f"{PAGE}/export?format=hledger&from=2026-11-01&to=&currency=")
    assert answer.status == 200
    assert "receivable:INV-1  INR 1180.00" in answer.text


async def test_a_wrong_choice_is_told_at_its_field_and_stays(owner: Browser) -> None:
    await keep_facts(owner.desk.database, [invoice(), paid(), invoice(1001, 910, "JPY", id_="INV-J")])
    for query, words in (
        ("format=excel", "Choose a product."),
        ("format=zoho&from=soon", "Choose a day."),
        ("format=tally&from=2026-11-01", "Choose one of INR, JPY."),
    ):
        answer = await owner.get(f"{PAGE}/export?{query}")
        assert (answer.status, words in answer.words) == (422, True)
    assert 'value="2026-11-01"' in answer.text
