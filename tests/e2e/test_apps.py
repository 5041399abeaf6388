"""Apps and connections: connected in the dialog, a wrong key said at its field, repaired, and deleted when nothing uses them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from affluent.store.runs import RunFilter
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SIGN_UP, World


def add(page: Page, app: str) -> None:
    """From the catalogue to the form of an app."""
    page.get_by_role("button", name="Add connection").first.click()
    page.get_by_role("link", name=re.compile(f"^{app}")).last.click()
    expect(page.get_by_role("dialog", name=f"Connect {app}")).to_be_visible()


def test_the_billing_workspace_is_connected_with_a_token(tab: Tab, server: Served) -> None:
    secret = server.call(server.hub.tokens.generate(name="Flows", scopes=["*:write"])).secret
    page = tab.open("/apps")
    add(page, "Togai")
    expect(page.get_by_role("radio", name="This server's billing workspace")).to_be_checked()
    page.get_by_label("App link name").fill("Billing by token")
    page.get_by_label("Secret key").fill("aff_not_the_key")
    tab.shot("connection-add-togai")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_label("Secret key")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Secret key")).to_have_value("aff_not_the_key")
    expect(page.get_by_label("App link name")).to_have_value("Billing by token")
    assert "aff_not_the_key" not in page.content()
    tab.check("connection-add-refused")
    page.get_by_label("Secret key").fill(secret)
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("heading", name="Billing by token")).to_be_visible()
    expect(page.get_by_text("Nothing uses it yet")).to_be_visible()
    assert secret not in page.content()
    tab.check("connection-new")


def test_firstpromoter_says_which_field_is_wrong_and_takes_the_right_key(tab: Tab, server: Served) -> None:
    page = tab.open("/apps/firstpromoter?dialog=add")
    page.get_by_label("App link name").fill("Promoters")
    page.get_by_label("FirstPromoter API key").fill("wrong")
    page.get_by_label("Account ID").fill("demo-account")
    page.get_by_role("dialog").get_by_text("Base URL", exact=True).first.click()
    page.get_by_role("textbox", name="Base URL").fill(f"{server.twins_url}/firstpromoter/api/v2")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_label("FirstPromoter API key")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Account ID")).to_have_value("demo-account")
    page.get_by_label("FirstPromoter API key").fill("fp_demo_key")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("heading", name="Promoters")).to_be_visible()
    assert "fp_demo_key" not in page.content()


def test_search_follows_in_the_address_and_keeps_the_focus(tab: Tab, server: Served) -> None:
    page = tab.open("/apps")
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search apps")
    expect(search).to_be_focused()
    page.keyboard.type("track sale")
    expect(page.get_by_role("link", name="FirstPromoter", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Slack", exact=True)).to_have_count(0)
    expect(page).to_have_url(re.compile("q=track"))
    expect(search).to_be_focused()
    page.keyboard.type(" of nothing at all")
    expect(page.get_by_role("heading", name=re.compile("No app matches"))).to_be_visible()
    tab.check("apps-nothing")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("apps", "/apps"),
        ("apps-choose", "/apps?dialog=add"),
        ("app", "/apps/firstpromoter"),
        ("app-actions", "/apps/togai?tab=actions"),
        ("app-built-in", "/apps/schedule"),
        ("app-connect", "/apps/razorpay?dialog=add"),
    ],
)
def test_the_pages_of_apps_are_clean_in_both_themes(tab: Tab, theme: str, name: str, path: str) -> None:
    page = tab.open(path)
    if name.startswith("app-a"):
        for summary in page.locator("details.more > summary").all()[:4]:
            summary.click()
        expect(page.get_by_role("region", name=re.compile("^Fields of")).first).to_be_visible()
    tab.check(name)


def test_what_an_operation_takes_is_fetched_when_it_is_unfolded(tab: Tab, server: Served) -> None:
    page = tab.open("/apps/firstpromoter?tab=actions")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Track a sale", exact=True))
    card.get_by_text("Fields").first.click()
    fields = card.get_by_role("region", name="Fields of Track a sale")
    expect(fields).to_contain_text("amount")
    card.get_by_text("Action payload").click()
    expect(card.get_by_role("region", name="Sample of Track a sale")).to_be_visible()
    expect(fields).to_be_visible()
    page.get_by_text("How it works").click()
    expect(page.get_by_role("heading", level=3).first).to_be_visible()
    tab.check("app-unfolded")
    page.goto(f"{server.url}/apps/firstpromoter/actions/track_sale")
    expect(page.get_by_role("region", name="Fields of Track a sale")).to_be_visible()
    tab.check("app-operation")


def test_a_refused_connection_is_repaired_and_lets_its_runs_go(tab: Tab, server: Served) -> None:
    world = World(server)
    hub = server.hub
    world.switch_on(SIGN_UP, world.connect())
    world.sign_up(1)
    world.settled()
    world.twin("revoke", key="fp_demo_key")
    world.sign_up(0)
    world.settled()
    page = tab.open("/apps")
    alert = page.get_by_role("alert")
    expect(alert.get_by_text("1 run waits")).to_be_visible()
    tab.check("apps-attention")
    alert.get_by_role("link", name="Replace key").click()
    tab.check("connection-attention")
    world.twin("restore", key="fp_demo_key")
    page.get_by_role("button", name="Test now").click()
    expect(page.get_by_text("Runs that waited for it go on")).to_be_visible()
    expect(page.get_by_text("Active")).to_be_visible()
    world.settled()
    assert {run.state for run in server.call(hub.runs.find(RunFilter()))} == {"succeeded"}
    page.reload()
    tab.check("connection")
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_text("It is in use")).to_be_visible()
    tab.shot("connection-delete")
