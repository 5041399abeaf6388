"""The payout check and the export of the journal in a browser: wide, narrow and dark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from affluent.domain.money.facts import CommissionState, DisputeState
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.support.books import TRACKER, keep_facts, keep_tracker
from tests.unit.money.made import commission, dispute, invoice, paid, refund

EARNED = replace(commission(15000), source=TRACKER)
FACTS = (
    invoice(), paid(), refund(47200), EARNED,
    invoice(id_="INV-2"), paid(id_="pay_2", invoice_id="INV-2"), dispute(payment_id="pay_2"),
    replace(EARNED, id="com_2", sale_id="INV-2", entry_id="INV-2", promoter_id="4711"),
    invoice(id_="INV-3"), paid(id_="pay_3", invoice_id="INV-3"),
    replace(dispute(payment_id="pay_3", state=DisputeState.LOST), id="disp_3"),
    replace(EARNED, id="com_3", sale_id="INV-3", entry_id="INV-3", promoter_id="4711", state=CommissionState.PAID),
    replace(EARNED, id="com_4", amount=20000, promised=15000, promoter_id="4712", entry_id="INV-9", sale_id="INV-9"),
    replace(EARNED, id="com_5", amount=20, is_cash=False),
)  # fmt: skip


@pytest.fixture(scope="module")
def kept(server: Served) -> None:
    """Commissions of three promoters."""
    server.call(keep_tracker(server.hub.database, server.hub.vault))
    server.call(keep_facts(server.hub.database, FACTS))


@pytest.mark.usefixtures("kept", "theme")
def test_the_check_names_every_promoter_and_every_reason(tab: Tab) -> None:
    page = tab.open("/reconciliation/payouts?as_of=2026-11-30")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payouts")
    for reason in ("Refunded", "Disputed", "Dispute lost", "Sale unknown", "Changed by hand", "Not money"):
        expect(page.get_by_text(reason, exact=True).first).to_be_visible()
    tab.check("payouts")
    page.get_by_label("As of the end of").fill("2026-11-02")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("No commission so far")).to_be_visible()


@pytest.mark.usefixtures("kept")
def test_the_statement_leads_to_the_payout_check(tab: Tab) -> None:
    page = tab.open("/reconciliation")
    page.get_by_label("More about this statement").click()
    page.get_by_role("link", name="Check a payout").click()
    expect(page).to_have_url(f"{tab.url}/reconciliation/payouts")


@pytest.mark.usefixtures("kept", "theme")
def test_the_journal_is_chosen_and_downloaded(tab: Tab) -> None:
    page = tab.open("/reconciliation/journal")
    page.get_by_label("Read by").select_option("hledger")
    tab.check("journal")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "journal-hledger-all.journal"
