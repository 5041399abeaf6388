"""Money: a month reconciled, its lines unfolded, put right, closed and downloaded; why an amount is what it is; the id map."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import Browser, Page, expect

from affluent.demo.story import AMOUNTS, cast
from affluent.kit import clock
from affluent.kit.jsons import number
from affluent.services.reconciliation.views import StatementView
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SALE, SIGN_UP, World

PARTIES = (0, 5, 10, 1, 12, 15)
"""Three referred in USD, one in EUR, two whom nobody referred."""
UNTRACKED = 10
PLAN = "Growth, partner 15% off"


def bill(world: World, index: int) -> None:
    """One paid invoice."""
    party = cast()[index]
    now = "2026-11-01"
    line = {"description": "Growth, one month", "value": number(AMOUNTS[party.currency])}
    body = {
        "accountId": party.account_id,
        "startDate": now,
        "endDate": "2026-11-30",
        "status": "DUE",
        "lineItems": [line],
    }
    made = world.bill("POST", "/invoices", {**body, "idempotencyKey": f"e2e-{index}"})
    world.bill("PATCH", f"/invoices/{made['id']}", {"status": "PAID"})
    world.settled()


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """Sign-ups and sales are tracked, and some customers paid."""
    world = World(server)
    connections = world.connect()
    for key in (SIGN_UP, SALE):
        world.switch_on(key, connections)
    plan = world.bill(
        "POST", "/price_plans", {"name": PLAN, "pricePlanDetails": {"supportedCurrencies": ["USD", "EUR", "INR"]}}
    )
    world.bill("POST", f"/price_plans/{plan['id']}/activate", {"currencies": ["USD", "EUR", "INR"]})
    for index in PARTIES:
        world.sign_up(index)
    world.settled()
    for index in PARTIES:
        bill(world, index)
    return world


@pytest.fixture
def lost(server: Served, world: World) -> str:
    """The number of the invoice whose sale is not in the tracker's books: the only difference."""
    invoices = world.bill("GET", f"/invoices?owner_id={cast()[UNTRACKED].account_id}")["data"]
    invoice: str = invoices[0]["id"]
    ledger = server.twins["firstpromoter"].ledger  # type: ignore[attr-defined]  # the books of this twin
    ledger.sales.pop(invoice, None)
    for item in [item for item in ledger.commissions.values() if item.event_id == invoice]:
        del ledger.commissions[item.id]
    return invoice


@pytest.fixture
def statement(server: Served, lost: str) -> StatementView:
    """This month with the lost sale, the newest statement."""
    reconciliation = server.hub.reconciliation

    async def make() -> StatementView:
        today = clock.now().date()
        begun = await reconciliation.begin(today.replace(day=1), today, author="Mira Kapoor")
        while (done := await reconciliation.run(begun.id)).phase != "done":
            await asyncio.sleep(0.02)  # a worker is at it
        return done

    return server.call(make())


def reconcile(page: Page) -> None:
    """This month, from the page, until it is done."""
    page.get_by_role("main").get_by_role("button", name="Reconcile…").click()
    page.get_by_role("dialog").get_by_role("button", name="Reconcile", exact=True).click()
    page.wait_for_url(re.compile("/reconciliation/stm_"))
    expect(page.get_by_role("heading", name="Paid invoices by day")).to_be_visible(timeout=20_000)


def test_a_month_is_reconciled_and_every_difference_has_its_sentence(tab: Tab, lost: str) -> None:
    page = tab.open("/reconciliation")
    reconcile(page)
    figures = page.locator(".kpis")
    expect(figures).to_contain_text("Unexplained$2,499.00")
    expect(figures).to_contain_text("1 difference to look at")
    lines = page.get_by_role("region", name="Comparisons")
    expect(lines.get_by_text("We sent it and it was accepted; it is not in their list.")).to_be_visible()
    lines.get_by_role("link", name="Matched", exact=True).click()
    expect(lines.get_by_text("Both books say USD 2,499.00.").first).to_be_visible()
    page.get_by_role("navigation", name="Currency").get_by_role("link", name="INR").click()
    lines.get_by_role("link", name="All differences", exact=True).click()
    expect(lines.get_by_text("Nobody referred this customer, so nothing is due.").first).to_be_visible()


@pytest.mark.usefixtures("statement")
def test_the_pages_of_a_statement_are_clean_in_both_themes(tab: Tab, theme: str) -> None:
    page = tab.open("/reconciliation")
    tab.check("reconciliation")
    page.get_by_role("region", name="Comparisons").get_by_role(
        "link", name=re.compile("^INV|Delta Forge|Lumen")
    ).first.click()
    expect(page.get_by_role("link", name="Why this amount?")).to_be_visible()
    page.get_by_role("region", name="Comparisons").scroll_into_view_if_needed()
    tab.check("reconciliation-case")
    page.get_by_role("link", name="Why this amount?").click()
    expect(page.get_by_role("region", name="The chain")).to_be_visible()
    tab.check("why")
    page.set_viewport_size({"width": 1440, "height": 3200})
    tab.shot("why-whole")
    for name, path in (
        ("statements", "/reconciliation/statements"),
        ("identities", "/identities"),
        ("identities-import", "/identities?dialog=import"),
        ("why-blank", "/why"),
        ("reconciliation-begin", "/reconciliation?dialog=begin"),
    ):
        page.set_viewport_size({"width": 1440, "height": 900})
        tab.open(path)
        tab.check(name)


def test_an_invoice_is_found_by_any_id_and_downloaded_with_the_rest(
    tab: Tab, server: Served, statement: StatementView
) -> None:
    page = tab.open(f"/reconciliation/{statement.id}")
    href = page.get_by_role("link", name="CSV").get_attribute("href")
    text = page.request.get(f"{server.url}{href}").text()
    assert text.startswith("invoice_id,account_id,leg,class,currency,ours,theirs")
    assert ",sale,missing_there,USD,2499.00,0.00,2499.00,2499.00," in text
    assert ",sale,not_referred,INR,189000.00,0.00," in text
    rows = [json.loads(line) for line in page.request.get(f"{server.url}{href}?form=json").text().splitlines()]
    assert {row["name"] for row in rows} >= {"matched", "missing_there", "not_referred"}
    lost = next(row for row in rows if row["name"] == "missing_there")
    tab.open(f"/reconciliation?q={lost['invoice_id']}")
    expect(page.get_by_role("heading", name=re.compile("^Invoice INV"))).to_be_visible()
    expect(page.get_by_text("We sent", exact=True)).to_be_visible()
    tab.open("/reconciliation?q=NOBODY-1")
    expect(page.get_by_text("No statement knows NOBODY-1")).to_be_visible()
    pack = page.request.get(f"{server.url}/evidence/{lost['invoice_id']}")
    assert "evidence.json" in zipfile.ZipFile(io.BytesIO(pack.body())).namelist()


def test_why_shows_the_chain_and_says_what_is_not_known(tab: Tab, server: Served, world: World) -> None:
    page = tab.open("/activity?state=succeeded&q=INV")
    page.get_by_role("region", name="Runs").get_by_role("link", name=re.compile("^INV")).first.click()
    page.get_by_role("link", name="Why this amount?").click()
    chain = page.get_by_role("region", name="The chain")
    for text in ("Net amount", "Flow version", "Answer"):
        expect(chain.get_by_text(text).first).to_be_visible()
    tab.expected.add(404)
    tab.open("/why/nothing-1")
    expect(page.get_by_text("Nothing here is known as 'nothing-1'.")).to_be_visible()


def test_a_repair_shows_every_call_and_then_the_books_agree(tab: Tab, world: World, statement: StatementView) -> None:
    page = tab.open(f"/reconciliation/{statement.id}")
    page.get_by_role("link", name="Repair…").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Repair"))
    expect(dialog.get_by_text("It is sent again under the same id")).to_be_visible()
    tab.check("reconciliation-repair")
    dialog.get_by_role("button", name="Make 1 call").click()
    expect(page.get_by_text("1 begun. Reconcile again when the runs are done.")).to_be_visible()
    world.settled()
    page.get_by_role("button", name="Reconcile…").click()
    page.get_by_role("dialog").get_by_role("button", name="Reconcile").click()
    expect(page.get_by_text("everything is explained")).to_be_visible(timeout=20_000)
    tab.open("/")
    expect(page.get_by_role("link", name=re.compile("Unreconciled"))).to_contain_text("Nothing")


def test_a_period_is_closed_and_opened_again(tab: Tab, statement: StatementView) -> None:
    page = tab.open(f"/reconciliation/{statement.id}")
    page.get_by_label("More about this statement").click()
    page.get_by_role("link", name="Prove it was not altered").first.click()
    expect(page.get_by_text("Nothing was altered.")).to_be_visible()
    page.get_by_label("More about this statement").click()
    page.get_by_role("button", name="Close the period").click()
    expect(page.get_by_text("Closed by Mira Kapoor")).to_be_visible()
    page.get_by_role("button", name="Reconcile…").click()
    page.get_by_role("dialog").get_by_role("button", name="Reconcile").click()
    expect(page.get_by_role("dialog").get_by_text("This period is closed by")).to_be_visible()
    tab.open("/reconciliation")
    page.get_by_label("More about this statement").click()
    page.get_by_role("button", name="Open the period").click()
    expect(page.get_by_text("is open again")).to_be_visible()


def test_identities_are_found_imported_and_conflicts_settled(tab: Tab, world: World) -> None:
    page = tab.open("/identities")
    party = cast()[0]
    page.get_by_label("Any id").fill(party.account_id)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").filter(has_text=party.name).first).to_be_visible()
    page.get_by_role("button", name="Import…").click()
    page.get_by_label("CSV").fill("account_id,app,kind,external_id\nACC-1,nothing,customer,")
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_text("Nothing was imported")).to_be_visible()
    rows = "".join(f"{cast()[index].account_id},firstpromoter,customer,cus_same\n" for index in (0, 5))
    page.get_by_label("CSV").fill(f"account_id,app,kind,external_id\n{rows}")
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_text("2 identities are imported.")).to_be_visible()
    conflict = page.get_by_role("region", name="1 id stands for several accounts")
    tab.check("identities-conflict")
    conflict.get_by_role("button", name=party.account_id).click()
    expect(page.get_by_text(f"cus_same is {party.account_id} now")).to_be_visible()
    expect(conflict).to_have_count(0)


def test_everything_works_without_script(chromium: Browser, server: Served, world: World) -> None:
    context = chromium.new_context(java_script_enabled=False, timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto(server.call(server.hub.people.signed_in_link(name="Mira Kapoor", email="mira@example.com")))
    page.goto(f"{server.url}/reconciliation?dialog=begin")
    page.get_by_role("dialog").get_by_role("button", name="Reconcile").click()
    page.wait_for_url(re.compile("/reconciliation/stm_"))
    expect(page.get_by_role("heading", name="Paid invoices by day")).to_be_visible(timeout=20_000)
    page.get_by_role("group", name="Show").get_by_role("link", name="Matched", exact=True).click()
    page.get_by_role("region", name="Comparisons").get_by_role("link", name=re.compile("INV")).first.click()
    expect(page.get_by_role("link", name="Why this amount?")).to_be_visible()
    context.close()
