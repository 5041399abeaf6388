"""A page is live from the moment it is ready, costs nothing while nobody sees it, and shows every stop of Tab."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Route

from tests.e2e.browsing import NARROW, Tab

EVENTS = "**/activity/events"
SEE = """hidden => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange")) }"""
FOCUS = """() => {
  const it = document.activeElement, card = it.closest(".app, .flow-card"), box = it.getBoundingClientRect();
  const isMarked = (one) => { const style = getComputedStyle(one); return style.outlineStyle !== "none" || style.boxShadow !== "none"; };
  const x = Math.max(0, Math.min(box.left + box.width / 2, innerWidth - 1)), y = box.top + Math.min(box.height / 2, 20);
  const top = document.elementFromPoint(x, y);
  const isFree = !!top && (it.contains(top) || top.contains(it) || [...it.labels ?? []].some((label) => label.contains(top)));
  return { what: it.outerHTML.slice(0, 120), isBody: it === document.body, isShown: isFree && (isMarked(it) || !!card && isMarked(card)) };
}"""


def late(route: Route) -> None:
    """A slow line."""
    time.sleep(0.4)
    route.continue_()


def test_a_page_is_live_however_late_its_scripts_come(tab: Tab) -> None:
    tab.page.route("**/hx-sse.min.js", late)
    tab.page.route("**/app.js", late)
    with tab.page.expect_request(EVENTS):
        tab.open("/activity")


def test_a_tab_that_nobody_sees_keeps_no_stream(tab: Tab) -> None:
    with tab.page.expect_event("requestfailed", lambda request: request.url.endswith("/activity/events")):
        with tab.page.expect_response(EVENTS):
            tab.open("/activity")
        tab.page.evaluate(SEE, arg=True)
    with tab.page.expect_response(EVENTS):
        tab.page.evaluate(SEE, arg=False)


@pytest.mark.parametrize("address", ["/apps", "/flows", "/admin/settings", "/search?q=track"])
def test_every_stop_of_tab_is_seen_on_a_telephone(tab: Tab, address: str) -> None:
    tab.page.set_viewport_size(NARROW)
    tab.open(address)
    stops = []
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        stops.append(tab.page.evaluate(FOCUS))
        if stops[-1]["isBody"]:
            break
    seen = [stop for stop in stops if not stop["isBody"]]
    assert len(seen) > 10
    assert [stop["what"] for stop in seen if not stop["isShown"]] == []
