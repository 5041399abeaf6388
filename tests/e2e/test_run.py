"""The run inspector: a failure explained and resumed, retries, a wait that is cancelled, the money, a replay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from affluent.demo.story import Party
from affluent.kit import clock
from affluent.kit.jsons import number
from affluent.services.runs.views import RunView
from affluent.store.runs import RunFilter
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import SALE, SIGN_UP, World


@pytest.fixture(scope="module")
def world(server: Served) -> World:
    """A billing workspace and FirstPromoter's twin with the two flows of a referral."""
    made = World(server)
    connections = made.connect()
    for name in ("Growth", "Growth, partner 15% off"):
        plan = made.bill("POST", "/price_plans", {"name": name, "pricePlanDetails": {"supportedCurrencies": ["USD"]}})
        assert plan["id"]
    made.switch_on(SIGN_UP, connections)
    made.switch_on(SALE, connections)
    return made


@pytest.fixture(scope="module")
def signed_up(server: Served, world: World) -> RunView:
    """A run that succeeded, to be looked at only."""
    party = world.sign_up(0)
    world.settled()
    return the_run(server, party, SIGN_UP)


@pytest.fixture
def outage(world: World) -> Iterator[None]:
    """FirstPromoter takes no sign-up until it is healed, at the latest after the test."""
    world.twin("fail", status=503, times=60, path="/track/signup")
    yield
    world.twin("heal")


def the_run(server: Served, party: Party, flow: str) -> RunView:
    """The only run of a ready-made flow for a customer."""
    flow_id = server.call(server.hub.flows.by_key(flow)).id
    (run,) = server.call(server.hub.runs.find(RunFilter(account_id=party.account_id, flow_id=flow_id)))
    return run


def test_a_refused_step_is_explained_and_resumed(tab: Tab, server: Served, world: World) -> None:
    world.twin("fail", status=422, times=1, path="/track/signup")
    party = world.sign_up(10)
    world.settled()
    page = tab.open(f"/activity/{the_run(server, party, SIGN_UP).id}")
    expect(page.get_by_role("heading", level=1, name=party.name)).to_be_visible()
    expect(page.get_by_text("Stopped at step 1")).to_be_visible()
    said = page.get_by_role("status").filter(has_text="What to do")
    expect(said).to_contain_text("did not succeed")
    expect(said).to_contain_text("Nothing was applied twice.")
    expect(page.get_by_text("We sent").first).to_be_visible()
    expect(page.get_by_role("region", name="We sent").first).not_to_contain_text("fp_demo_key")
    card = page.get_by_role("region", name=re.compile("sign-up|sign up", re.IGNORECASE)).last.bounding_box()
    call = page.get_by_role("button", name="Copy as curl").last.bounding_box()
    assert card is not None
    assert call is not None
    assert call["x"] + call["width"] <= card["x"] + card["width"]
    tab.check("run-failed")
    page.get_by_role("button", name="Resume from step 1").click()
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    expect(page.get_by_text("were applied")).to_be_visible()


def test_a_step_and_a_tab_have_an_address(tab: Tab, server: Served, world: World) -> None:
    party = world.sign_up(1)
    world.settled()
    run = the_run(server, party, SIGN_UP)
    page = tab.open(f"/activity/{run.id}?step=1&tab=input")
    expect(page.get_by_role("region", name="Input of the step")).to_contain_text(party.email)
    page.get_by_role("link", name="Output", exact=True).click()
    expect(page).to_have_url(re.compile(r"step=1&tab=output"))
    expect(page.get_by_role("region", name="Output of the step")).to_contain_text("referral_id")
    page.get_by_role("link", name="Condition", exact=True).click()
    expect(page.get_by_text("It has no condition")).to_be_visible()
    page.get_by_role("link", name=re.compile("Trigger")).first.click()
    expect(page.get_by_role("region", name="What the event carried")).to_contain_text(party.account_id)


@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)
def test_the_curl_command_holds_no_secret(tab: Tab, theme: str, signed_up: RunView) -> None:
    page = tab.open(f"/activity/{signed_up.id}?step=1")
    command = page.get_by_role("button", name="Copy as curl").last.get_attribute("data-copy") or ""
    assert command.startswith("curl -X POST ")
    assert "FILL_IN" in command
    assert "fp_demo_key" not in page.content()
    tab.check("run-succeeded")


def pay(world: World, party: Party) -> None:
    """An invoice, and the payment that settles it."""
    value = number("2499.00")
    now = clock.now()
    invoice = world.bill(
        "POST",
        "/invoices",
        {
            "accountId": party.account_id,
            "startDate": now.date().isoformat(),
            "endDate": (now + timedelta(days=30)).date().isoformat(),
            "status": "DUE",
            "lineItems": [{"description": "Growth, one month", "value": value}],
        },
    )
    world.bill(
        "POST",
        "/payments",
        {
            "accountId": party.account_id,
            "currency": "USD",
            "totalAmount": value,
            "externalPaymentReference": {
                "sourceName": "Bank",
                "sourceType": "BANK_TRANSFER",
                "transactionNumber": "TX-1",
            },
            "lineItemRecords": [{"type": "INVOICE", "order": 1, "togaiId": invoice["id"], "amount": value}],
        },
    )


def test_the_money_is_followed_to_the_commission(tab: Tab, server: Served, world: World) -> None:
    party = world.sign_up(5)
    pay(world, party)
    world.settled()
    page = tab.open(f"/activity/{the_run(server, party, SALE).id}")
    money = page.get_by_role("region", name="Where the money went")
    expect(money.get_by_text("$2,499.00").first).to_be_visible()
    expect(money.get_by_text("Commission")).to_be_visible()
    tab.check("run-money")


def test_a_run_that_was_retried_shows_every_attempt(tab: Tab, server: Served, world: World) -> None:
    world.twin("fail", status=503, times=2, path="/track/signup")
    party = world.sign_up(3)
    page = tab.open(f"/activity/{the_run(server, party, SIGN_UP).id}")
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name="Attempts 3")).to_be_visible()
    tab.check("run-retried")


@pytest.mark.usefixtures("outage")
def test_a_waiting_run_says_when_it_is_tried_again_and_can_be_cancelled(tab: Tab, server: Served, world: World) -> None:
    party = world.sign_up(4)
    page = tab.open(f"/activity/{the_run(server, party, SIGN_UP).id}")
    expect(page.get_by_text("Waiting to retry").first).to_be_visible()
    expect(page.get_by_role("button", name="Retry now")).to_be_visible()
    expect(page.get_by_text("Next try:")).to_be_visible()
    tab.check("run-waiting")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()


@pytest.mark.timeout(180)  # a retry may be a minute away
@pytest.mark.usefixtures("outage")
def test_a_run_changes_before_ones_eyes(tab: Tab, server: Served, world: World) -> None:
    party = world.sign_up(6)
    page = tab.open(f"/activity/{the_run(server, party, SIGN_UP).id}")
    expect(page.get_by_text("Waiting to retry").first).to_be_visible()
    page.evaluate("window.stayed = true")
    world.twin("heal")
    expect(page.get_by_role("heading", level=1).locator("..").get_by_text("Succeeded")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("status").filter(has_text="were applied")).to_be_visible()
    expect(page.get_by_role("button", name="Retry now")).to_have_count(0)
    assert page.evaluate("window.stayed") is True


def replay(page: Page) -> None:
    """Open the dialog and confirm."""
    page.get_by_role("button", name="Replay…").click()
    dialog = page.get_by_role("dialog", name="Replay this event")
    expect(dialog.get_by_text("nothing would be sent")).to_be_visible()


def test_a_replay_says_first_that_nothing_would_be_sent(tab: Tab, server: Served, world: World) -> None:
    party = world.sign_up(7)
    world.settled()
    run = the_run(server, party, SIGN_UP)
    page = tab.open(f"/activity/{run.id}")
    replay(page)
    tab.check("run-replay")
    page.get_by_role("dialog").get_by_role("button", name="Replay", exact=True).click()
    expect(page).not_to_have_url(re.compile(run.id))
    expect(page.get_by_text("were not sent again")).to_be_visible()
    expect(page.get_by_role("region", name="Other runs of this event")).to_be_visible()
