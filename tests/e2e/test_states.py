"""States that are not the usual one: a role with few rights, what is gone, a session that ends, a server that restarts."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete

from affluent.services.identity.people import Role
from affluent.store.runs import RunFilter
from affluent.store.tables.people import sessions
from tests.e2e.browsing import NARROW, WIDE, Tab
from tests.e2e.served import Served, served
from tests.e2e.world import SALE, SIGN_UP, World

PAGES = ("/", "/customers", "/apps", "/flows", "/activity", "/activity/deliveries", "/reconciliation",
         "/reconciliation/statements", "/reconciliation/ledger", "/reconciliation/payouts",
         "/reconciliation/journal", "/identities", "/why")  # fmt: skip

HEAVIEST = 10 * 1024
"""Bytes of a page over the wire, when the browser has all that pages share."""


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """One customer whose account was signed up."""
    world = World(server)
    made = world.connect()
    world.switch_on(SIGN_UP, made)
    world.sign_up(0)
    world.settled()
    return world


def as_analyst(visitor: Tab, server: Served) -> Tab:
    """A tab of somebody who may read only."""
    server.call(server.hub.people.signed_in_link(name="Mira Kapoor", email="mira@example.com"))
    ana = {"name": "Ana Lyst", "email": "ana@example.com"}
    server.call(server.hub.people.signed_in_link(**ana))
    person = next(person for person in server.call(server.hub.users.list()) if person.email == ana["email"])
    server.call(server.hub.users.change_role(person.id, Role.ANALYST))
    visitor.open(server.call(server.hub.people.signed_in_link(**ana)))  # a change of role ends the links made before
    return visitor


@pytest.mark.usefixtures("world")
def test_an_analyst_reads_every_page_without_the_buttons_of_others(visitor: Tab, server: Served, theme: str) -> None:
    visitor.expected |= {403}
    tab = as_analyst(visitor, server)
    flow = server.call(server.hub.flows.by_key(SIGN_UP)).id
    connection = server.call(server.hub.connections.list(limit=1)).items[0].id
    (run,) = server.call(server.hub.runs.find(RunFilter(), limit=1))
    more = (f"/flows/{flow}", f"/flows/{flow}/connections", f"/flows/{flow}/versions", f"/connections/{connection}")
    for path in (*PAGES, *more, f"/activity/{run.id}", "/apps/firstpromoter", "/customers/CUS-1000"):
        page = tab.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        writing = page.locator("main form[method=post], main a[href*='dialog=']")
        assert writing.count() == 0, (path, writing.first.evaluate("e => e.outerHTML"))
    tab.open(f"/flows/{flow}/connections")
    tab.check("analyst-flow")
    page = tab.open("/admin/tokens")
    expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()
    tab.check("forbidden")


@pytest.mark.usefixtures("world")
def test_every_page_is_light_and_as_wide_as_a_telephone(tab: Tab, server: Served) -> None:
    hub = server.hub
    copy = server.call(hub.flows.copy(server.call(hub.flows.by_key(SALE)).id)).flow.id
    flow, edit = f"/flows/{server.call(hub.flows.by_key(SIGN_UP)).id}", f"/flows/{copy}/edit"
    connection = server.call(hub.connections.list(limit=1)).items[0].id
    (run,) = server.call(hub.runs.find(RunFilter(), limit=1))
    account = f"/accounts/{run.account_id}"
    parts = ("", "?part=flow", "?part=trigger", "?part=add", "?choose=action", "?paste=1", "?dialog=publish")
    of_flow = ("", "/activity", "/connections", "/connections?dialog=connect", "/versions")
    of_account = ("", "/settings", "/plans", "/invoices", "/timeline")
    of_admin = ("tokens", "tokens?dialog=new", "users", "audit", "settings")
    page = tab.page
    page.set_viewport_size(NARROW)
    for path in (
        *PAGES, "/apps/firstpromoter", "/apps/togai?tab=actions", "/apps/razorpay?dialog=add", "/flows/new", "/account",
        f"/connections/{connection}", f"/activity/{run.id}", "/customers/CUS-1000", "/search?q=north",
        *(edit + part for part in parts), f"/flows/{copy}/preview", *(flow + tab_of for tab_of in of_flow),
        *(account + tab_of for tab_of in of_account), *(f"/admin/{name}" for name in of_admin),
    ):  # fmt: skip
        answer = page.goto(server.url + path, wait_until="domcontentloaded")
        assert answer is not None
        assert answer.ok, path
        assert answer.request.sizes()["responseBodySize"] <= HEAVIEST, path
        sticks_out = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sticks_out <= 0, f"{path} is {sticks_out} px wider than a telephone"


@pytest.mark.usefixtures("world")
def test_what_could_not_be_fetched_can_be_tried_again(tab: Tab) -> None:
    page = tab.open("/customers")
    page.route("**/customers?q=*", lambda route: route.abort())
    page.get_by_role("searchbox", name="Search customers").fill("nobody")
    again = page.get_by_role("status").get_by_role("button", name="Try again")
    expect(page.get_by_text("The server did not answer")).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    page.unroute("**/customers?q=*")
    again.click()
    expect(page.get_by_text("Nobody matches")).to_be_visible()
    tab.complaints = [text for text in tab.complaints if not re.search("ERR_FAILED|Failed to fetch", text)]


def test_what_is_gone_is_said_in_words(tab: Tab) -> None:
    tab.expected |= {404}
    for path in ("/activity/run_gone", "/flows/flo_gone", "/connections/con_gone", "/customers/GONE", "/accounts/GONE",
                 "/reconciliation/sta_gone", "/nothing/of/the/sort"):  # fmt: skip
        page = tab.open(path)
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        expect(page.get_by_role("link", name="Home").first).to_be_visible()
    tab.open("/activity/run_gone")
    tab.check("run-gone")


def test_pages_without_anything_say_what_to_do(tab: Tab, theme: str, fresh: Served) -> None:
    for path, said in (
        ("/", "First steps"),
        ("/customers", "No customer yet"),
        ("/activity", "Nothing has run yet"),
        ("/activity/deliveries", "No delivery here"),
        ("/identities", "No identity yet"),
        ("/reconciliation", "Do the books agree?"),
        ("/reconciliation/statements", "No statement yet"),
        ("/why", "Ask about any amount"),
        ("/admin/tokens", "No token yet"),
    ):
        page = tab.open(path)
        expect(page.get_by_role("heading", name=re.compile(said))).to_be_visible()
        tab.check(f"empty{path.replace('/', '-')}".rstrip("-"))


@pytest.mark.usefixtures("world")
def test_a_session_that_ended_meanwhile_leads_to_sign_in_and_back(tab: Tab, server: Served) -> None:
    page = tab.open("/customers?q=")
    server.call(server.hub.database.write(lambda c: c.execute(delete(sessions))))
    page.get_by_role("searchbox", name="Search customers").fill("north")
    page.wait_for_url(re.compile(r"/sign-in\?next="))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in")
    assert page.locator("input[name=next]").input_value().startswith("/customers")


def test_a_page_is_live_again_after_the_server_was_restarted(chromium: Browser, tmp_path: Path) -> None:
    context = chromium.new_context(viewport=WIDE)
    context.set_default_timeout(20_000)
    page = context.new_page()
    with served(tmp_path) as server:
        port = urlsplit(server.url).port or 0
        world = World(server)
        world.switch_on(SIGN_UP, world.connect())
        page.goto(server.call(server.hub.people.signed_in_link(name="Mira Kapoor", email="mira@example.com")))
        page.goto(f"{server.url}/activity")
        expect(page.get_by_text("Nothing has run yet")).to_be_visible()
        party = world.sign_up(0)
        expect(page.locator("#rows").get_by_role("link", name=re.compile(party.name))).to_be_visible()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    with served(tmp_path, port=port) as server:
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        world = World(server)
        world.identify()
        party = world.sign_up(1)
        expect(page.locator("#rows").get_by_role("link", name=re.compile(party.name))).to_be_visible()
    context.close()


@pytest.mark.usefixtures("world")
def test_a_draft_is_discarded_and_the_published_version_stands(tab: Tab, server: Served) -> None:
    hub = server.hub
    copy = server.call(hub.flows.copy(server.call(hub.flows.by_key(SALE)).id)).flow.id
    server.call(hub.flows.publish(copy, author="Mira Kapoor"))
    page = tab.open(f"/flows/{copy}/edit?part=flow")
    name = page.get_by_label(re.compile("^Name")).input_value()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label(re.compile("^Name")).fill("Something else")
    page.reload()
    page.get_by_label("More for this draft").click()
    page.get_by_role("button", name="Discard draft").click()
    expect(page.get_by_text("The draft is discarded.")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(page.get_by_role("link", name="Edit", exact=True)).to_be_visible()


@pytest.mark.usefixtures("world")
def test_a_flow_connection_is_edited_and_keeps_what_was_typed(tab: Tab, server: Served) -> None:
    flow = server.call(server.hub.flows.by_key(SIGN_UP)).id
    page = tab.open(f"/flows/{flow}/connections")
    page.get_by_label("Actions for Production").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog", name="Edit Production")
    expect(dialog.get_by_label(re.compile("^Name"))).to_have_value("Production")
    optional(dialog_of=page)
    tab.check("flow-edit")
    dialog.get_by_label(re.compile("^Name")).fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("dialog .err").first).to_be_visible()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^Name")).fill("Live")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("switch", name="Live")).to_have_attribute("aria-checked", "true")


def optional(dialog_of: Page) -> None:
    """A step that may go without a connection says so, and may be left without one."""
    steps = dialog_of.locator("dialog .place", has=dialog_of.locator(".opt"))
    for step in steps.all():
        expect(step.get_by_role("option", name="Without a connection")).to_have_count(1)
