"""Flows: a ready-made one is switched on, triggered, switched off and removed; money is never counted twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from affluent.store.runs import RunFilter
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import World

SALE = "Track referral sale and attach price plan"
PAID = "Mark Togai invoice paid on RazorPay invoice paid"


@pytest.fixture(scope="module")
def connections(server: Served) -> dict[str, str]:
    """Connections to the billing workspace, FirstPromoter's twin and Razorpay's."""
    made = World(server).connect()
    fields = {
        "key_id": "rzp_test_demo",
        "key_secret": "demo-secret",
        "webhook_secret": "whsec_demo",
        "base_url": f"{server.twins_url}/razorpay/v1",
    }
    hub = server.hub
    razorpay = hub.connections.create(app="razorpay", name="Razorpay twin", fields=fields, skip_test=True)
    return {**made, "razorpay": server.call(razorpay).id}


def open_flow(tab: Tab, name: str) -> Page:
    """From the list to the page of a flow."""
    page = tab.open("/flows")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    return page


def flow_id(server: Served, key: str) -> str:
    """The id of a ready-made flow."""
    return server.call(server.hub.flows.by_key(key)).id


def test_without_connections_the_form_says_where_to_add_one(tab: Tab, fresh: Served) -> None:
    page = tab.open(f"/flows/{flow_id(fresh, 'track_referral_sale')}/connections?dialog=connect")
    dialog = page.get_by_role("dialog", name="Add connection")
    expect(dialog.get_by_role("link", name="Add a FirstPromoter connection")).to_be_visible()
    dialog.get_by_label("Name").fill("Production")
    dialog.get_by_role("button", name="Save and switch on").click()
    expect(dialog.get_by_text("Choose a FirstPromoter connection.")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_value("Production")
    tab.check("flow-connect-nothing")


@pytest.fixture
def sale(server: Served, connections: dict[str, str]) -> Iterator[str]:
    """The id of the ready-made flow of sales, which no test leaves switched on."""
    links = server.hub.flow_connections
    found = flow_id(server, "track_referral_sale")
    yield found
    for link in server.call(links.list(flow_id=found)).items:
        server.call(links.remove(link.id))


def test_a_ready_made_flow_is_switched_on_triggered_and_switched_off(tab: Tab, server: Served, sale: str) -> None:
    page = open_flow(tab, SALE)
    tab.shot("flow-off")
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog", name="Add connection")
    expect(dialog.get_by_label(re.compile("Step 1"))).to_have_value(re.compile("con_"))
    dialog.get_by_label("Name").fill("Production")
    dialog.get_by_label("Promoter, row 1").fill("priya@example.com")
    dialog.get_by_label("Price plan, row 1").fill("Growth, partner 15% off")
    dialog.get_by_role("button", name="Add row").click()
    dialog.get_by_label("Campaign, row 2").fill("Spring")
    dialog.get_by_label("Price plan, row 2").fill("Growth")
    dialog.get_by_role("button", name="Remove row 1").click()
    expect(dialog.get_by_label("Campaign, row 1")).to_have_value("Spring")
    tab.check("flow-connect")
    dialog.get_by_role("button", name="Save and switch on").click()
    expect(page.get_by_role("switch", name="Production")).to_have_attribute("aria-checked", "true")
    (link,) = server.call(server.hub.flow_connections.list(flow_id=sale)).items
    assert link.inputs["plans"] == [{"promoter": "", "campaign": "Spring", "price_plan": "Growth"}]
    tab.check("flow-connections")
    page.get_by_label("Actions for Production").click()
    page.get_by_role("link", name="Trigger Now").click()
    payload = page.get_by_label("Payload")
    expect(payload).to_have_value(re.compile('"invoice"'))
    tab.check("flow-trigger")
    sample = payload.input_value()
    payload.fill("{ not json")
    page.get_by_role("button", name="Trigger now").click()
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    expect(payload).to_have_value("{ not json")
    payload.fill(sample)
    page.get_by_role("button", name="Trigger now").click()
    page.wait_for_url(re.compile(r"/activity/run_"))
    World(server).settled()
    page = tab.open(f"/flows/{sale}/activity")
    (run,) = server.call(server.hub.runs.find(RunFilter(flow_connection_id=link.id)))
    expect(page.locator(f'a[href="/activity/{run.id}"]').first).to_be_visible()
    tab.check("flow-activity")
    page = tab.open(f"/flows/{sale}/connections")
    page.get_by_role("switch", name="Production").click()
    expect(page.get_by_role("switch", name="Production")).to_have_attribute("aria-checked", "false")
    page.get_by_role("switch", name="Production").click()
    expect(page.get_by_role("switch", name="Production")).to_have_attribute("aria-checked", "true")


def test_money_that_would_be_counted_twice_is_refused_in_words(
    tab: Tab, server: Served, connections: dict[str, str], sale: str
) -> None:
    World(server).switch_on("track_referral_sale", connections)
    page = tab.open(f"/flows/{sale}/connections?dialog=connect")
    dialog = page.get_by_role("dialog", name="Add connection")
    dialog.get_by_label("Name").fill("Once more")
    dialog.get_by_role("button", name="Save and switch on").click()
    expect(dialog.get_by_role("alert")).to_contain_text("would count the same money twice")
    expect(dialog.get_by_label("Name")).to_have_value("Once more")
    tab.check("flow-connect-doubled")


@pytest.mark.usefixtures("connections")
def test_an_inbound_flow_shows_its_webhook_url_after_saving(tab: Tab) -> None:
    page = open_flow(tab, PAID)
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_label("Name").fill("Razorpay live")
    page.get_by_role("button", name="Save and switch on").click()
    expect(page.get_by_role("heading", name="Razorpay live is on")).to_be_visible()
    expect(page.get_by_text("/hooks/fco_")).to_be_visible()
    tab.check("flow-webhook")
    page.get_by_role("link", name="Done").click()
    page.get_by_label("Actions for Razorpay live").click()
    tab.shot("flow-connection-menu")
    page.get_by_role("link", name="Remove Connection").click()
    tab.shot("flow-connection-remove")
    page.get_by_role("button", name="Remove connection").click()
    expect(page.get_by_text("This flow is not switched on")).to_be_visible()


@pytest.mark.usefixtures("connections")
def test_the_pages_of_flows_are_clean_in_both_themes(tab: Tab, theme: str, server: Served) -> None:
    page = tab.open("/flows")
    expect(page.get_by_role("link", name=re.compile("Use this flow")).first).to_be_visible()
    tab.check("flows")
    tab.open("/flows?q=nothing+of+the+sort")
    tab.check("flows-nothing")
    page = tab.open(f"/flows/{flow_id(server, 'track_referral_sale')}")
    for summary in page.locator("details.exp > summary").all()[:3]:
        summary.click()
    tab.check("flow")
    tab.open(f"/flows/{flow_id(server, 'track_referral_sale')}/versions")
    tab.check("flow-versions")


def test_a_webhook_secret_is_shown_once_rotated_and_the_flow_deleted_by_its_name(tab: Tab, server: Served) -> None:
    said = {"name": "Hook", "type": "inbound", "trigger": {"app": "webhook", "trigger": "received"}, "steps": []}
    flow = server.call(server.hub.flows.create(said, publish=True)).flow
    page = tab.open(f"/flows/{flow.id}/connections?dialog=connect")
    page.get_by_label("Name").fill("Shop")
    page.get_by_role("button", name="Save and switch on").click()
    expect(page.get_by_role("heading", name="Webhook secret")).to_be_visible()
    first = page.locator(".secret code").last.inner_text()
    tab.check("flow-webhook-secret")
    page.get_by_role("link", name="I stored it").click()
    assert first not in page.content()
    page.get_by_label("Actions for Shop").click()
    page.get_by_role("link", name="Rotate webhook secret").click()
    page.get_by_role("button", name="Rotate").click()
    assert page.locator(".secret code").last.inner_text() != first
    page.goto(f"{server.url}/flows/{flow.id}?dialog=delete")
    expect(page.get_by_text("It is connected.")).to_be_visible()
    page.goto(f"{server.url}/flows/{flow.id}/connections")
    page.get_by_label("Actions for Shop").click()
    page.get_by_role("link", name="Remove Connection").click()
    page.get_by_role("button", name="Remove connection").click()
    page.get_by_label("More actions for this flow").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_label("Type Hook to confirm").fill("Hook")
    page.get_by_role("button", name="Delete flow").click()
    expect(page.get_by_text("Hook is deleted.")).to_be_visible()
