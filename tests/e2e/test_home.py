"""Home, while money begins to flow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from affluent.web import live
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SIGN_UP, World


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """The flow that signs customers up at FirstPromoter's twin, and what it did for some."""
    made = World(server)
    made.switch_on(SIGN_UP, made.connect())
    for number in (0, 1, 2, 14, 15):
        made.sign_up(number)
    made.settled()
    return made


def test_home_ticks_the_first_steps_and_shows_runs_as_they_arrive(tab: Tab, fresh: Served) -> None:
    world = World(fresh)
    page = tab.open("/")
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_text("0 of 3")).to_be_visible()
    connections = world.connect()
    world.switch_on(SIGN_UP, connections)
    page.reload()
    expect(steps.get_by_text("2 of 3")).to_be_visible()
    world.sign_up(0)
    latest = page.get_by_role("region", name="Latest runs")
    expect(latest.get_by_role("link", name="Northwind Labs")).to_be_visible()
    expect(steps).to_have_count(0)
    expect(latest.get_by_text("Succeeded")).to_be_visible()
    for number in (1, 2, 14, 15):
        world.sign_up(number)
    expect(latest.get_by_text("Skipped")).to_have_count(2)
    expect(page.get_by_text("10 events came in", exact=True)).to_be_visible()


def test_home_with_runs_is_clean_in_both_themes(tab: Tab, theme: str, world: World) -> None:
    page = tab.open("/")
    expect(page.get_by_role("region", name="Latest runs").get_by_role("link", name="Northwind Labs")).to_be_visible()
    tab.check("home-flowing")


@pytest.fixture
def refused(server: Served, world: World) -> Iterator[None]:
    """FirstPromoter's twin takes the key of the connection no more; it does again after the test."""
    world.twin("revoke", key="fp_demo_key")
    yield
    world.twin("restore", key="fp_demo_key")
    for one in server.call(server.hub.connections.list(app="firstpromoter")).items:
        assert server.call(server.hub.connections.test(one.id)).ok


@pytest.mark.usefixtures("refused")
def test_home_names_the_connection_that_needs_attention(tab: Tab, world: World) -> None:
    page = tab.open("/")
    world.sign_up(3)
    alert = page.get_by_role("alert")
    expect(alert.get_by_text("FirstPromoter twin needs attention")).to_be_visible()
    tab.check("home-attention")


def test_a_page_that_is_left_open_leads_to_the_sign_in_when_its_session_was_ended(
    visitor: Tab, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.2)
    people, users = server.hub.people, server.hub.users
    visitor.open(server.call(people.signed_in_link(name="Noor Haddad", email="noor@example.com")))
    page = visitor.open("/activity")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    noor = next(person for person in server.call(users.list()) if person.email == "noor@example.com")
    server.call(users.revoke(noor.id))
    expect(page).to_have_url(re.compile(r"/sign-in\?next=/activity$"))
