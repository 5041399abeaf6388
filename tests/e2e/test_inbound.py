"""What workers do by themselves, on the pages: the beginning of a poll, a backfill with its progress, what is silent, the ledger."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import text, update

from affluent.kit.jsons import JSONObject
from affluent.services.connections.views import ConnectionView
from affluent.store import tables
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SIGN_UP, World


def elsewhere(server: Served, name: str) -> ConnectionView:
    """A connection to a Togai that is not this server as far as it knows."""
    token = server.call(server.hub.tokens.generate(name=name, scopes=["*:write"])).secret
    fields: JSONObject = {"secret_key": token, "base_url": f"{server.url}/togai"}
    return server.call(server.hub.connections.create(app="togai", name=name, fields=fields))


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """Connections, also to a Togai elsewhere, and one customer."""
    world = World(server)
    made = world.connect()
    elsewhere(server, "Togai elsewhere")
    world.sign_up(0)
    world.switch_on("backfill_existing_customers", made)
    return world


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("world")
def test_the_beginning_of_a_poll_is_chosen_when_a_flow_is_switched_on(tab: Tab, server: Served) -> None:
    flow = server.call(server.hub.flows.by_key(SIGN_UP)).id
    page = tab.open(f"/flows/{flow}/connections?dialog=connect")
    page.get_by_label("Name").fill("From elsewhere")
    page.get_by_label(re.compile("^Trigger")).select_option(label="Togai elsewhere")
    page.get_by_role("button", name="Save and switch on").click()
    dialog = page.get_by_role("dialog", name="Polling of From elsewhere")
    expect(dialog.get_by_role("radio", name=re.compile("From now on"))).to_be_checked()
    dialog.get_by_role("radio", name=re.compile("Everything")).check()
    dialog.get_by_label("Ask every").fill("2")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Ask every 5 to 86400 seconds.")).to_be_visible()
    expect(dialog.get_by_role("radio", name=re.compile("Everything"))).to_be_checked()
    tab.check("flow-poll")
    dialog.get_by_label("Ask every").fill("60")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Every minute, everything from the beginning.")).to_be_visible()
    expect(page.locator(".duties").get_by_text("found since the beginning")).to_be_visible()
    expect(page.locator(".duties").get_by_text("next in")).to_be_visible()
    tab.check("flow-duties")


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("world")
def test_a_backfill_is_begun_and_followed(tab: Tab, server: Served) -> None:
    flow = server.call(server.hub.flows.by_key("backfill_existing_customers")).id
    page = tab.open(f"/flows/{flow}/connections")
    page.get_by_label("Actions for Production").click()
    page.get_by_role("link", name="Backfill…").click()
    tab.check("flow-backfill")
    page.get_by_role("button", name="Begin the backfill").click()
    expect(page.locator(".duties").get_by_text(re.compile("All 1 found"))).to_be_visible()
    expect(page.locator(".duties .spin")).to_have_count(0)


def test_a_connection_says_what_is_silent_and_what_works_for_it(tab: Tab, server: Served, theme: str) -> None:
    one = elsewhere(server, f"Silent and {theme}")
    said = "The webhook of 'Production' is silent."
    connections = tables.connections
    quiet = update(connections).where(connections.c.id == one.id).values(status_reason=said)
    server.call(server.hub.database.write(lambda c: c.execute(quiet)))
    page = tab.open(f"/connections/{one.id}")
    expect(page.get_by_role("status").get_by_text(said)).to_be_visible()
    tab.check("connection-silent")


@pytest.mark.usefixtures("world")
def test_the_ledger_is_verified_on_a_page(tab: Tab, server: Served, theme: str) -> None:
    World(server).settled()
    page = tab.open("/reconciliation/ledger")
    page.get_by_text("Heads that were kept").click()
    page.get_by_label("Heads").fill("nonsense")
    page.get_by_role("button", name="Verify ledger").click()
    expect(page.get_by_text("nonsense is not chain=hash")).to_be_visible()
    page.get_by_label("Heads").fill("")
    page.get_by_role("button", name="Verify ledger").click()
    expect(page.get_by_text("Nothing was altered.")).to_be_visible()
    tab.check("ledger")


def test_what_was_altered_is_said_on_the_page_of_the_ledger(tab: Tab, fresh: Served) -> None:
    world = World(fresh)
    world.identify()
    world.sign_up(0)
    change = text("UPDATE events SET payload = '{}'")
    fresh.call(fresh.hub.database.write(lambda c: c.execute(change)))
    page = tab.open("/reconciliation/ledger")
    page.get_by_role("button", name="Verify ledger").click()
    expect(page.get_by_role("alert")).to_contain_text("not agree with the ledger")
    expect(page.get_by_role("region", name="What does not agree").get_by_role("listitem").first).to_be_visible()
    tab.check("ledger-altered")
