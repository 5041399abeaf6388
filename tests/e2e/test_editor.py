"""The flow editor: a flow of two actions is made, mapped by keyboard, previewed, published, switched on and run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from affluent.kit.jsons import JSONObject
from tests.e2e.browsing import Tab
from tests.e2e.served import Served
from tests.e2e.world import World

NAME = "Track sales and note them"


@pytest.fixture(scope="module")
def connections(server: Served) -> dict[str, str]:
    """Connections to the billing workspace and to FirstPromoter's twin."""
    return World(server).connect()


@pytest.fixture
def plain(chromium: Browser, server: Served) -> Iterator[Page]:
    """A browser without script, signed in."""
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(server.call(server.hub.people.signed_in_link(name="Noor Script", email="noor@example.com")))
    yield page
    context.close()


def pills(page: Page, label: str) -> str:
    """The text that a pill field sends."""
    field = page.get_by_role("combobox", name=re.compile(f"^{label}"))
    return str(field.locator("xpath=..").locator("input").input_value())


def saved(page: Page) -> None:
    """Wait until the draft is kept."""
    expect(page.locator("#saved")).to_contain_text(re.compile(r"saved \d\d:\d\d:\d\d"))


def insert(page: Page, label: str, words: str) -> None:
    """Fill a field by keyboard alone: a slash, some letters, Enter."""
    field = page.get_by_role("combobox", name=re.compile(f"^{label}"))
    field.focus()
    page.keyboard.type(f"/{words}")
    expect(page.get_by_role("listbox", name="Data").get_by_role("option").first).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("Enter")


def map_sale(tab: Tab, page: Page) -> None:
    """The first step: an id, money that is put right with one click, a condition."""
    insert(page, "Sale id", "invoice id")
    expect(page.locator("#v-event_id code")).to_contain_text("inv.")
    assert pills(page, "Sale id") == "{{ trigger.invoice.id }}"
    insert(page, "Amount", "invoice net")
    expect(page.get_by_text("in major units")).to_be_visible()
    tab.shot("editor-money")
    page.get_by_role("button", name="Convert to minor units").click()
    expect(page.locator("#v-amount")).to_contain_text("249900")
    page.get_by_role("button", name="Customer id (uid)").click()
    insert(page, "Customer id", "account id")
    insert(page, "Currency", "invoice currency")
    expect(page.locator("#v-amount")).to_contain_text("$2,499.00")
    expect(page.get_by_role("region", name="Request body")).to_contain_text("249900")
    tab.check("editor-step")
    page.get_by_label("Condition", exact=True).fill("trigger.invoice.net != null")
    expect(page.locator("#v-condition")).to_contain_text("It runs with this sample")


def map_setting(page: Page) -> None:
    """The second step uses what the first one gives."""
    page.get_by_role("link", name="Add step", exact=True).click()
    page.get_by_role("button", name=re.compile("^Save setting|^Save a setting")).click()
    insert(page, "Entity|Account|.*entity", "account id")
    for label, text in (("Setting", "LastSale"), ("Value", "sale ")):
        box = page.get_by_role("combobox", name=re.compile(f"^{label}")).first
        box.focus()
        page.keyboard.type(text)
    insert(page, "Value", "sale id")


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("connections")
def test_a_flow_is_made_mapped_previewed_published_and_run(tab: Tab, server: Served) -> None:
    page = tab.open("/flows")
    page.get_by_role("link", name="Create New Flow").click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_role("radio", name=re.compile("Inbound")).check()
    expect(page.get_by_label(re.compile("TriggerInbound|Trigger Inbound"))).to_be_visible()
    page.get_by_role("radio", name=re.compile("Outbound")).check()
    page.get_by_label(re.compile("Outbound flows")).select_option(label="Invoice paid")
    tab.check("editor-new")
    page.get_by_role("button", name="Proceed").click()
    tab.check("editor-add")
    page.get_by_role("button", name=re.compile("^Track a sale")).click()
    expect(page.get_by_role("heading", level=2, name="Track a sale")).to_be_visible()
    expect(page.get_by_text("things to put right")).to_be_visible()
    tab.check("editor-empty")
    map_sale(tab, page)
    map_setting(page)
    saved(page)
    page.get_by_role("link", name="Proceed to preview").click()
    expect(page.get_by_text("Would run")).to_have_count(2)
    expect(page.get_by_text("Nothing is sent")).to_be_visible()
    tab.check("editor-preview")
    page.get_by_role("link", name="Save and publish").or_(page.get_by_role("button", name="Save and publish")).click()
    dialog = page.get_by_role("dialog", name="Publish version 1")
    expect(dialog.get_by_text("First version.")).to_be_visible()
    tab.check("editor-publish")
    dialog.get_by_role("button", name="Publish v1").click()
    expect(page.get_by_text("Version 1 is published")).to_be_visible()
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_label("Name").fill("Own")
    page.get_by_role("button", name="Save and switch on").click()
    page.get_by_label("Actions for Own").click()
    page.get_by_role("link", name="Trigger Now").click()
    page.get_by_role("button", name="Trigger now").click()
    page.wait_for_url(re.compile(r"/activity/run_"))
    World(server).settled()
    detail = server.call(server.hub.runs.get(page.url.rpartition("/")[2]))
    assert detail.run.flow_name == NAME
    assert detail.steps[0].input["amount"] == 249900


def draft(server: Served, *steps: JSONObject, trigger: str = "invoice_paid") -> str:
    """A draft made beforehand; the id of the flow."""
    said = {"name": "By hand", "type": "outbound", "trigger": {"app": "togai", "trigger": trigger}}
    return server.call(server.hub.flows.create({**said, "steps": list(steps)})).flow.id


SALE: JSONObject = {"id": "sale", "app": "firstpromoter", "action": "track_sale", "inputs": {}}


def test_errors_keep_it_from_being_published_and_lead_to_their_fields(tab: Tab, server: Served, theme: str) -> None:
    flow = draft(server, {**SALE, "inputs": {"amount": "{{ trigger.invoice.net }}", "uid": "{{ steps.gone.id }}"}})
    page = tab.open(f"/flows/{flow}/edit?dialog=publish")
    dialog = page.get_by_role("dialog", name="Publish version 1")
    expect(dialog.get_by_role("button", name="Publish v1")).to_have_count(0)
    tab.check("editor-publish-refused")
    dialog.get_by_role("link", name=re.compile("Amount")).click()
    expect(page.get_by_role("combobox", name=re.compile("^Amount"))).to_be_focused()
    expect(page.locator(".pill.broken")).to_have_count(1)
    tab.check("editor-errors")
    tab.open(f"/flows/{flow}/preview")
    tab.check("editor-preview-errors")
    page = tab.open(f"/flows/{flow}/edit?part=trigger")
    tab.check("editor-trigger")
    tab.open(f"/flows/{flow}/edit?part=flow")
    tab.check("editor-flow")


def test_a_pill_is_selected_replaced_wrapped_and_edited(tab: Tab, server: Served) -> None:
    flow = draft(server, {**SALE, "inputs": {"event_id": "{{ trigger.invoice.id }}"}})
    page = tab.open(f"/flows/{flow}/edit?part=sale")
    box = page.get_by_role("combobox", name=re.compile("^Sale id"))
    box.locator(".pill").click()
    page.get_by_text("Functions", exact=True).click()
    page.get_by_role("button", name=re.compile("^upper")).click()
    expect(page.locator("#v-event_id code")).to_contain_text("INV.")
    assert pills(page, "Sale id") == "{{ upper(trigger.invoice.id) }}"
    box.locator(".pill").click()
    page.keyboard.press("Enter")
    expect(box).to_contain_text("{{ upper(trigger.invoice.id) }}")
    page.keyboard.press("Control+A")
    page.keyboard.type("X-{{ trigger.account.id }}")
    page.get_by_label("Condition", exact=True).focus()
    expect(box.locator(".pill")).to_have_count(1)
    expect(page.locator("#v-event_id code")).to_contain_text("X-")
    leaf = page.get_by_role("button", name=re.compile("^Invoice number"))
    page.get_by_role("combobox", name=re.compile("^Amount")).focus()
    leaf.click()
    assert pills(page, "Amount") == "{{ trigger.invoice.number }}"


def order(page: Page) -> list[str]:
    """The steps of the chain, from top to bottom."""
    return page.locator("#chain li[data-step] .t").all_inner_texts()


def test_steps_are_put_in_order_by_drag_and_by_keyboard(tab: Tab, server: Served) -> None:
    note = {"id": "note", "app": "togai", "action": "save_setting", "inputs": {}}
    flow = draft(
        server, {**SALE, "title": "First"}, {**note, "title": "Second"}, {**SALE, "id": "last", "title": "Third"}
    )
    page = tab.open(f"/flows/{flow}/edit?part=sale")
    page.emulate_media(reduced_motion="reduce")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Condition", exact=True).fill("trigger.invoice.net != null")
    expect(page.locator("#chain .cond")).to_have_count(1)
    first, third = (page.locator(f"#chain li[data-step={one}]") for one in ("sale", "last"))
    first.hover()
    page.mouse.move(*middle(first.locator(".grip")))
    page.mouse.down()
    x, y = middle(third)
    page.mouse.move(x, y + 8, steps=6)
    expect(third).to_have_class(re.compile("drop-after"))
    tab.shot("editor-drag")
    page.keyboard.press("Escape")
    page.mouse.up()
    assert order(page) == ["First", "Second", "Third"]
    first.hover()
    page.mouse.move(*middle(first.locator(".grip")))
    page.mouse.down()
    page.mouse.move(x, y + 8, steps=6)
    with page.expect_navigation():
        page.mouse.up()
    assert order(page) == ["Second", "Third", "First"]
    expect(page.locator("#chain li[data-step=sale] a")).to_be_focused()
    expect(page.locator("#announce")).to_have_text("First is step 3 of 3 now.")
    with page.expect_navigation():
        page.keyboard.press("Alt+ArrowUp")
    assert order(page) == ["Second", "First", "Third"]
    expect(page.locator("#chain li[data-step=sale] a")).to_be_focused()
    kept = server.call(server.hub.flows.get(flow)).draft
    assert kept is not None
    assert [step["id"] for step in kept["steps"]] == ["note", "sale", "last"]
    assert kept["steps"][1]["condition"] == "trigger.invoice.net != null"
    page = tab.open(f"/flows/{flow}/edit?part=add")
    page.locator("#chain li[data-step=last] a").focus()
    with page.expect_navigation():
        page.keyboard.press("Alt+ArrowUp")
    assert order(page) == ["Second", "Third", "First"]


def middle(it: Locator) -> tuple[float, float]:
    """The middle of what it is on the page."""
    box = it.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_samples_are_real_events_and_pasted_json(tab: Tab, server: Served) -> None:
    flow = draft(server, {**SALE, "inputs": {"event_id": "{{ trigger.invoice.id }}"}})
    page = tab.open(f"/flows/{flow}/edit?part=sale")
    page.get_by_text("Paste JSON", exact=True).click()
    page.get_by_label("Sample as JSON").fill("[1]")
    page.get_by_role("button", name="Use as sample").click()
    expect(page.get_by_text("A sample is a JSON object")).to_be_visible()
    page.get_by_label("Sample as JSON").fill('{"invoice": {"id": "own-1"}}')
    page.get_by_role("button", name="Use as sample").click()
    expect(page.locator("#v-event_id code")).to_contain_text("own-1")
    expect(page.get_by_label("Sample event")).to_have_value("pasted")
    world = World(server)
    world.identify()
    party = world.sign_up(2)
    signup = {"id": "note", "app": "togai", "action": "save_setting", "inputs": {"value": "{{ trigger.account.name }}"}}
    page = tab.open(f"/flows/{draft(server, signup, trigger='account_created')}/edit?part=note")
    page.get_by_label("Sample event").select_option(index=1)
    page.wait_for_url(re.compile("sample=evt_"))
    expect(page.locator("#v-value code")).to_contain_text(party.name)


def test_a_copy_of_a_ready_made_flow_says_what_was_changed(tab: Tab, server: Served) -> None:
    original = server.call(server.hub.flows.by_key("track_referral_sale"))
    page = tab.open(f"/flows/{original.id}")
    page.get_by_role("button", name="Edit a copy").click()
    expect(page.get_by_text("This is your own copy")).to_be_visible()
    tab.check("editor-copy")
    page.get_by_role("button", name="Publish v1").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish v1").click()
    expect(page.get_by_text("Version 1 is published")).to_be_visible()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("link", name="Define flow: name, description").click()
    page.get_by_role("textbox", name=re.compile("^Name")).fill("Sales, our way")
    saved(page)
    page.get_by_role("button", name="Publish v2").click()
    expect(page.get_by_text("Name is now “Sales, our way”")).to_be_visible()
    page.get_by_label("Note").fill("Shorter")
    page.get_by_role("dialog").get_by_role("button", name="Publish v2").click()
    expect(page.get_by_role("heading", level=1, name="Sales, our way")).to_be_visible()
    page.goto(page.url.split("/connections")[0] + "/versions")
    tab.check("flow-versions-two")
    page.get_by_role("button", name="Restore as draft").click()
    expect(page.get_by_text("Version 1 is the draft now")).to_be_visible()


def test_what_is_typed_before_the_scripts_have_come_is_saved(tab: Tab, server: Served) -> None:
    flow, page, held = draft(server, SALE), tab.page, list[Route]()
    page.route("**/pill-field.js", lambda route: held.append(route))  # noqa: PLW0108 - a method of a list takes no attribute
    page.goto(f"{server.url}/flows/{flow}/edit?part=flow", wait_until="commit")
    name = page.get_by_role("textbox", name=re.compile("^Name"))
    name.fill("Typed early")
    expect(name).to_have_value("Typed early")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/edit")):
        held[0].continue_()
    page.unroute("**/pill-field.js")
    page.reload()
    expect(name).to_have_value("Typed early")


def test_a_page_in_which_nothing_was_typed_saves_nothing(tab: Tab, server: Served) -> None:
    posts: list[str] = []
    tab.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page = tab.open(f"/flows/{draft(server, SALE)}/edit?part=sale")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Condition", exact=True).fill("true")
    assert len(posts) == 1


def test_without_script_the_editor_maps_moves_and_removes(plain: Page, server: Served) -> None:
    plain.goto(f"{server.url}/flows/new")
    plain.get_by_label("Name").fill("No script")
    plain.get_by_label(re.compile("Outbound flows")).select_option(label="Invoice paid")
    plain.get_by_role("button", name="Proceed").click()
    plain.get_by_role("button", name=re.compile("^Track a sale")).click()
    plain.get_by_label(re.compile("^Sale id")).fill("{{ trigger.invoice.id }}")
    plain.get_by_label(re.compile("^Amount")).fill("{{ trigger.invoice.net }}")
    plain.get_by_role("button", name="Save draft").click()
    plain.get_by_role("button", name="Convert to minor units").click()
    expect(plain.get_by_label(re.compile("^Amount"))).to_have_value(re.compile("minor_units"))
    plain.get_by_role("button", name="Plan", exact=True).click()
    plain.get_by_label(re.compile("^Plan")).fill("Growth")
    plain.get_by_role("button", name="Save draft").click()
    expect(plain.get_by_label(re.compile("^Plan"))).to_have_value("Growth")
    plain.get_by_role("button", name="Remove Plan").click()
    expect(plain.get_by_label(re.compile("^Plan"))).to_have_count(0)
    plain.get_by_label("More for this step").click()
    plain.get_by_role("button", name="Remove step").click()
    expect(plain.get_by_role("heading", level=2, name="Invoice paid")).to_be_visible()
    plain.get_by_role("link", name="Define flow: name, description").click()
    plain.get_by_label("Question, new").fill("Price plans")
    plain.get_by_label("Type of the new question").select_option("table")
    plain.get_by_label("Choices or columns of the new question").fill("Promoter, Price plan")
    plain.get_by_role("button", name="Save draft").click()
    expect(plain.get_by_text("inputs.price_plans")).to_be_visible()
    expect(plain.get_by_label("Choices or columns of Price plans")).to_have_value("Promoter, Price plan")
