"""Customers: created here, synced by a flow, and found again with the ids of every system; billed, paid and refunded."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from affluent.demo.story import cast
from affluent.kit.jsons import JSONObject
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SALE, SIGN_UP, World


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """A hub whose sign-ups and sales are synced to FirstPromoter, a price plan to attach, and Northwind Labs."""
    world = World(server)
    connections = world.connect()
    for key in (SIGN_UP, SALE):
        world.switch_on(key, connections)
    details: JSONObject = {"supportedCurrencies": ["USD"]}
    plan = world.bill("POST", "/price_plans", {"name": "Growth, partner 15% off", "pricePlanDetails": details})
    world.bill("POST", f"/price_plans/{plan['id']}/activate", {"currencies": ["USD"]})
    world.sign_up(0)
    world.settled()
    return world


def row(page: Page, text: str) -> str:
    """What the row with a text says."""
    return re.sub(r"\s+", " ", page.get_by_role("row").filter(has_text=text).first.inner_text())


def test_a_customer_is_created_and_its_ids_are_found_after_the_run(tab: Tab, world: World) -> None:
    party = cast()[10]
    page = tab.open("/customers")
    page.get_by_role("button", name="New customer").first.click()
    page.get_by_label("Name").fill("No")
    page.get_by_label("E-mail").fill(party.email)
    page.get_by_label("Customer ID").fill("CUS-1010")
    page.get_by_label("Account ID").fill(party.account_id)
    page.get_by_text("Referred by a promoter?").click()
    page.get_by_label("Visitor ID").fill(party.tid)
    page.get_by_role("button", name="Create customer").click()
    expect(page.get_by_text("Must have at least 3 characters")).to_be_visible()
    expect(page.get_by_label("Visitor ID")).to_have_value(party.tid)
    tab.check("customer-new-refused")
    page.get_by_label("Name").fill(party.name)
    page.get_by_role("button", name="Create customer").click()
    expect(page.get_by_role("heading", name=party.name)).to_be_visible()
    world.settled()
    page.get_by_role("main").get_by_role("link", name=party.name).click()
    page.get_by_role("link", name="Settings").click()
    assert row(page, "CUS-1010").startswith("Billing workspace Customer CUS-1010")
    assert row(page, party.account_id).startswith(f"Billing workspace Account {party.account_id}")
    known = page.get_by_role("row").filter(has_text="Referral").first
    expect(known.get_by_text("FirstPromoter twin")).to_be_visible()
    expect(known.get_by_text("given by the vendor")).to_be_visible()
    expect(page.get_by_label("Value of FirstPromoterLeadId")).not_to_have_value("")
    expect(page.get_by_label("Value of FirstPromoterTid")).to_have_value(party.tid)
    tab.check("account-settings")


def test_settings_are_added_changed_and_removed(tab: Tab, world: World) -> None:
    page = tab.open(f"/accounts/{cast()[0].account_id}/settings")
    page.get_by_role("button", name="Add setting").click()
    page.get_by_label("Setting ID").fill("CrmId")
    page.get_by_role("dialog").get_by_label(re.compile("^Value")).fill("crm-1")
    page.get_by_role("dialog").get_by_role("button", name="Add setting").click()
    expect(page.get_by_label("Value of CrmId")).to_have_value("crm-1")
    page.get_by_label("Value of CrmId").fill("crm-2")
    page.get_by_label("Value of CrmId").press("Enter")
    expect(page.get_by_text("CrmId is saved")).to_be_visible()
    expect(page.get_by_label("Value of CrmId")).to_have_value("crm-2")
    page.get_by_label("Actions for CrmId").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_label("Value of CrmId")).to_have_count(0)


def test_an_invoice_is_issued_paid_and_refunded(tab: Tab, world: World) -> None:
    party = world.sign_up(5)
    world.settled()
    page = tab.open(f"/accounts/{party.account_id}/invoices")
    page.get_by_role("button", name="New invoice").first.click()
    page.get_by_label("What for").fill("Growth plan, November")
    page.get_by_label("Net, USD").first.fill("2499.001")
    page.get_by_role("button", name="Create invoice").click()
    expect(page.get_by_role("dialog").locator(".err").first).to_be_visible()
    tab.check("invoice-new-refused")
    page.get_by_label("Net, USD").first.fill("2499.00")
    page.get_by_role("button", name="Create invoice").click()
    expect(page.get_by_role("cell", name="Due", exact=True)).to_be_visible()
    page.get_by_label(re.compile("^Actions for INV")).click()
    page.get_by_role("button", name="Record a payment…").click()
    expect(page.get_by_label("Amount in USD")).to_have_value("2499.00")
    page.get_by_label("Transaction number").fill("BANK-1")
    tab.check("invoice-pay")
    page.get_by_role("button", name="Record payment").click()
    expect(page.get_by_role("cell", name="Paid", exact=True)).to_be_visible()
    world.settled()
    page.get_by_label(re.compile("^Actions for INV")).click()
    page.get_by_role("button", name="Start the refund").click()
    expect(page.get_by_text("is being refunded")).to_be_visible()
    page.get_by_label(re.compile("^Actions for INV")).click()
    page.get_by_role("button", name="Complete the refund").click()
    expect(page.get_by_role("cell", name="Refunded", exact=True)).to_be_visible()
    tab.check("account-invoices")


def test_a_price_plan_is_attached_and_detached(tab: Tab, world: World) -> None:
    party = world.sign_up(15)
    world.settled()
    page = tab.open(f"/accounts/{party.account_id}/plans")
    page.get_by_role("button", name="Attach price plan").first.click()
    tab.check("plan-attach")
    page.get_by_label("From").fill("2030-01-01")
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.get_by_role("cell", name="Coming", exact=True)).to_be_visible()
    page.get_by_role("button", name="Detach").click()
    page.get_by_role("dialog").get_by_label("From").fill("2030-06-01")
    page.get_by_role("dialog").get_by_role("button", name="Detach").click()
    expect(page.get_by_role("cell", name="31 May 2030")).to_be_visible()
    tab.check("account-plans")


def test_search_finds_by_name_e_mail_and_account(tab: Tab, world: World) -> None:
    page = tab.open("/customers")
    for text in ("northwind", cast()[0].email, cast()[0].account_id):
        page.get_by_role("searchbox", name="Search customers").fill(text)
        expect(page.get_by_role("table").get_by_role("link", name="Northwind Labs")).to_be_visible()
        expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("searchbox", name="Search customers").fill("nobody of this name")
    expect(page.get_by_text("Nobody matches")).to_be_visible()
    tab.open("/search?q=northwind")
    expect(page.get_by_role("main").get_by_role("link", name="Northwind Labs").first).to_be_visible()


def test_the_pages_of_customers_are_clean_in_both_themes(tab: Tab, theme: str, world: World) -> None:
    account = cast()[0].account_id
    for name, path in (
        ("customers", "/customers"),
        ("customer", "/customers/CUS-1000"),
        ("customer-contact", "/customers/CUS-1000?dialog=contact"),
        ("account", f"/accounts/{account}"),
        ("account-plans-none", f"/accounts/{account}/plans"),
        ("account-timeline", f"/accounts/{account}/timeline"),
    ):
        tab.open(path)
        tab.check(name)
