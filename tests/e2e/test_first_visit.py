"""The first visit: the owner is created by the printed link and generates an API token."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from affluent.services.identity.people import Role
from tests.e2e.browsing import Tab
from tests.e2e.served import Served


def test_the_owner_is_created_by_the_printed_link_and_generates_a_token(visitor: Tab, fresh: Served) -> None:
    page = visitor.open(fresh.call(fresh.hub.first_link()))
    visitor.check("welcome")
    page.get_by_label("Your name").fill("Mira Kapoor")
    page.get_by_label("E-mail").fill("mira@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create the owner").click()
    expect(page.get_by_text("at least 12 characters")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Mira Kapoor")
    visitor.check("welcome-error")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Create the owner").click()
    expect(page.get_by_role("heading", name="Is money flowing?")).to_be_visible()

    page.get_by_role("link", name="Admin Center").click()
    page.get_by_role("button", name="Generate new token").first.click()
    expect(page.get_by_label("Name")).to_be_focused()
    visitor.check("token-new")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("Give it a name")).to_be_visible()
    page.get_by_label("Name").fill("Nightly export")
    page.get_by_label("Invoices: read").check()
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_role("heading", name="Nightly export is ready")).to_be_visible()
    secret = page.get_by_label("Secret").get_by_text(re.compile(r"^aff_[\w-]{40,}$")).inner_text()
    assert fresh.call(fresh.hub.authorise(secret, "invoices:read")).name == "Nightly export"
    page.get_by_role("link", name="I stored it").click()
    expect(page.get_by_role("cell", name="Nightly export")).to_be_visible()
    assert secret not in page.content()


def test_every_page_is_clean_in_both_themes(tab: Tab, theme: str) -> None:
    for name, path in (
        ("home", "/"),
        ("tokens", "/admin/tokens"),
        ("token-dialog", "/admin/tokens?dialog=new"),
        ("search", "/search?q=togai"),
    ):
        tab.open(path)
        tab.check(name)


@pytest.fixture(scope="module")
def somebody(server: Served) -> str:
    """The e-mail address of a person with a password."""
    users = server.hub.users
    person, link = server.call(users.invite(name="Noor Haddad", email="noor@example.com", role=Role.ANALYST))
    server.call(users.choose_password(link.rsplit("/", 1)[-1], "correct horse battery"))
    return person.email


def test_signing_in_is_clean_in_both_themes(visitor: Tab, theme: str, somebody: str) -> None:
    page = visitor.open("/")
    visitor.check("sign-in")
    page.get_by_label("E-mail").fill(somebody)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("do not belong together")).to_be_visible()
    visitor.check("sign-in-error")


def test_an_address_that_does_not_exist_is_a_page(tab: Tab, theme: str) -> None:
    tab.expected.add(404)
    tab.open("/nothing-here")
    tab.check("not-found")


def test_everything_is_within_reach_of_the_keyboard(tab: Tab) -> None:
    page = tab.open("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    tab.check("keyboard")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Search everything")).to_be_focused()
    page.keyboard.type("api tok")
    expect(page.get_by_role("dialog").get_by_role("link", name="API tokens")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("link", name="Customers")).to_have_count(0)
    tab.check("finder")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/tokens$"))
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Is money flowing?")).to_be_visible()


def test_the_theme_is_switched_and_remembered(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Switch to dark theme").click()
    expect(page.get_by_role("button", name="Switch to light theme")).to_be_visible()
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(10, 12, 17)"


def test_a_token_is_deleted_only_after_its_name_was_typed(tab: Tab, server: Served) -> None:
    server.call(server.hub.tokens.generate(name="Old export", scopes=["runs:read"]))
    page = tab.open("/admin/tokens")
    page.get_by_role("row", name="Old export").get_by_label("Actions for Old export").click()
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete Old export")
    dialog.get_by_role("button", name="Delete token").click()
    expect(dialog.get_by_text("Type Old export to delete it")).to_be_visible()
    dialog.get_by_role("textbox").fill("Old export")
    dialog.get_by_role("button", name="Delete token").click()
    expect(page.get_by_text("Old export is deleted.")).to_be_visible()
    expect(page.get_by_role("row", name="Old export")).to_have_count(0)


def test_the_fonts_are_really_used(tab: Tab) -> None:
    page = tab.open("/admin/tokens")
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.fonts.check('16px Geist')")
    assert page.evaluate("[...document.fonts].filter(f => f.status == 'loaded').length") >= 1
