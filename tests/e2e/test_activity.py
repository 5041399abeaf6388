"""Activity: what failed is grouped and resumed with a forecast first, rows arrive live, refused webhooks are explained."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SIGN_UP, World


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """The flow that signs customers up at FirstPromoter's twin; it succeeded for Northwind Labs and skipped Copperfield."""
    made = World(server)
    made.switch_on(SIGN_UP, made.connect())
    for number in (0, 14):
        made.sign_up(number)
    made.settled()
    return made


def test_rows_arrive_live_and_wait_while_one_reads_further_down(tab: Tab, server: Served, world: World) -> None:
    page = tab.open("/activity")
    for number in (1, 3, 4, 12, 13, 15, 16, 17, 18, 19):
        world.sign_up(number)
    expect(page.get_by_role("link", name="Quartz Mill")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 420})
    page.evaluate("scrollTo(0, 400)")
    world.sign_up(2)
    pill = page.get_by_role("button", name="1 new")
    expect(pill).to_be_visible()
    expect(page.get_by_role("link", name="Kestrel Analytics")).to_be_hidden()
    pill.click()
    expect(page.get_by_role("link", name="Kestrel Analytics")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})


def test_failures_are_grouped_and_resumed_with_a_forecast(tab: Tab, server: Served, world: World) -> None:
    world.settled()
    world.twin("fail", status=422, times=3, path="/track/signup")
    for number in (5, 6, 7):
        world.sign_up(number)
        world.settled()
    page = tab.open("/activity")
    group = page.get_by_role("region", name="Failures grouped by cause")
    expect(group.get_by_text("3 failed")).to_be_visible()
    tab.check("activity-failures")
    group.get_by_role("button", name=re.compile("^Resume 3 runs")).click()
    dialog = page.get_by_role("dialog", name="Resume 3 runs")
    expect(dialog.get_by_text("Will send")).to_be_visible()
    tab.check("activity-forecast")
    dialog.get_by_role("button", name="Resume 3 runs").click()
    expect(page.get_by_text("3 runs are resumed.")).to_be_visible()
    world.settled()
    expect(page.get_by_role("region", name="Failures grouped by cause")).to_have_count(0)


def test_the_filters_stand_in_the_address(tab: Tab, theme: str, server: Served, world: World) -> None:
    page = tab.open("/activity")
    page.get_by_label("Status").select_option("skipped")
    expect(page).to_have_url(re.compile(r"/activity\?state=skipped$"))
    expect(page.get_by_role("link", name="Copperfield")).to_be_visible()
    expect(page.get_by_role("link", name="Northwind Labs")).to_have_count(0)
    tab.check("activity-filtered")
    page.get_by_label("Text").fill("nobody of this name")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No run matches these filters")).to_be_visible()


def test_a_run_is_opened_by_keys_alone(tab: Tab, server: Served, world: World) -> None:
    page = tab.open("/activity")
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/activity/run_"))


def test_a_refused_webhook_is_explained(tab: Tab, server: Served, world: World) -> None:
    url = f"{server.url}/hooks/fco_nobody/nothing"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(urllib.request.Request(url, data=b'{"id": 1}', method="POST"))  # noqa: S310 - the loopback
    page = tab.open("/activity/deliveries")
    page.get_by_text("There is no webhook at this address.").click()
    expect(page.get_by_role("region", name=re.compile("^Body of"))).to_have_text('{"id": 1}')
    tab.check("deliveries")


def test_what_is_searched_for_is_found_by_keys(tab: Tab, server: Served, world: World) -> None:
    page = tab.open("/activity")
    page.keyboard.press("Control+k")
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Search")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Search").get_by_role("searchbox").fill("Northwind")
    hits = page.get_by_role("dialog", name="Search")
    expect(hits.get_by_text("Customers", exact=True)).to_be_visible()
    expect(hits.get_by_text("Runs", exact=True)).to_be_visible()
    tab.check("search")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Northwind Labs")).to_be_visible()
