"""The page of the payout check."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.web.browser import Browser
from tests.support.books import TRACKER, keep_facts, keep_tracker
from tests.unit.money.made import commission, invoice, paid, refund

PAGE = "/reconciliation/payouts"
EARNED = replace(commission(15000), source=TRACKER)


async def keep(owner: Browser, *facts) -> None:
    await keep_tracker(owner.desk.database, owner.desk.vault)
    await keep_facts(owner.desk.database, facts)


async def test_without_a_tracker_the_page_says_what_it_needs(owner: Browser) -> None:
    assert "No tracker is connected" in (await owner.get(PAGE)).words


async def test_the_page_says_what_not_to_pay_and_why(owner: Browser) -> None:
    await keep(owner, invoice(), paid(), refund(47200), EARNED)
    answer = await owner.get(f"{PAGE}?as_of=2026-11-30")
    assert answer.status == 200
    for words in ("INR 150.00", "INR 60.00", "INR 90.00", "Refunded", "INR 472.00 of INV-1 went back.", "not at all"):
        assert words in answer.words
    text = await owner.get(f"{PAGE}/export?connection={TRACKER}&as_of=2026-11-30")
    assert (text.status, text.text.splitlines()[0].split(",")[:2]) == (200, ["row", "promoter_id"])


async def test_the_page_says_that_all_may_be_paid(owner: Browser) -> None:
    await keep(owner, invoice(), paid(), EARNED)
    assert "All that is approved may be paid." in (await owner.get(f"{PAGE}?as_of=2026-11-30")).words


async def test_a_day_that_is_none_is_refused_at_its_field(owner: Browser) -> None:
    await keep(owner, EARNED)
    answer = await owner.get(f"{PAGE}?as_of=soon")
    assert (answer.status, "Choose a day." in answer.words) == (422, True)
    assert (await owner.get(PAGE)).status == 200
