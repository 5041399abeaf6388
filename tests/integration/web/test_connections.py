"""Apps and connections, as a browser without script uses them."""

from __future__ import annotations

import re

from affluent.kit.jsons import JSONObject
from tests.integration.web.browser import Answer, Browser


async def add(owner: Browser, **changes: str) -> Answer:
    """Send the form of the shop's connection."""
    form: JSONObject = {"name": "Main shop", "fields.base_url": owner.desk.url, "fields.key": "good-shop-key"}
    return await owner.post("/apps/shop/connections", {**form, **changes})


async def added(owner: Browser) -> str:
    """The address of a connection that was just added."""
    return (await add(owner)).header("location").partition("?")[0]


async def test_the_catalogue_lists_apps_and_says_that_nothing_is_connected(owner: Browser) -> None:
    words = (await owner.get("/apps")).words
    assert "Shop Utility Sells." in words
    assert "No connection yet" in words


async def test_search_looks_into_triggers_and_actions(owner: Browser) -> None:
    words = (await owner.get("/apps?q=invoice+paid")).words
    assert "Bills." in words
    assert "Sells." not in words
    assert "No app matches “zeppelin”" in (await owner.get("/apps?q=zeppelin")).words


async def test_only_what_is_connected_or_ails_is_shown_when_asked(owner: Browser) -> None:
    await added(owner)
    connected = (await owner.get("/apps?show=connected")).words
    assert "Sells." in connected
    assert "Bills." not in connected
    assert "Nothing needs attention" in (await owner.get("/apps?show=attention")).words


async def test_an_app_shows_triggers_actions_and_its_connections(owner: Browser) -> None:
    address = await added(owner)
    triggers = await owner.get("/apps/shop")
    assert address in triggers.text
    assert "Something was sold." in triggers.words
    actions = (await owner.get("/apps/shop?tab=actions")).words
    assert "Place an order." in actions
    assert "Safe to repeat" in actions
    assert (await owner.get("/apps/nothing")).status == 404


async def test_an_action_has_a_page_with_all_that_its_card_unfolds(owner: Browser) -> None:
    card = (await owner.get("/apps/shop?tab=actions")).text
    address = re.search(r'href="(/apps/shop/actions/(\w+))#', card)
    assert address is not None
    page = await owner.get(address[1])
    for part in re.findall(rf'hx-get="{address[1]}"[^>]*hx-select="#([^"]+)"', card):
        assert f'id="{part}"' in page.text
    for missing in ("/apps/shop/actions/none", "/apps/shop/deeds/order", "/apps/none/actions/order"):
        assert (await owner.get(missing)).status == 404, missing


async def test_a_secret_that_was_refused_is_still_required(owner: Browser) -> None:
    answer = await add(owner, **{"fields.key": "wrong-shop-key"})
    field = re.search(r'<label class="label" for="f-fields-key">.*?</label>\s*<input[^>]*>', answer.text, re.DOTALL)
    assert field is not None
    assert "optional" not in field[0]
    assert " required" in field[0]


async def test_the_dialog_opens_without_script(owner: Browser) -> None:
    assert re.search(r'<dialog[^>]*id="add"[^>]* open', (await owner.get("/apps/shop?dialog=add")).text)


async def test_a_wrong_key_is_said_at_its_field_and_never_echoed(owner: Browser) -> None:
    answer = await add(owner, **{"fields.key": "wrong-shop-key"})
    assert answer.status == 422
    assert re.search(r'id="f-fields-key"[^>]*aria-invalid="true"', answer.text)
    assert 'value="Main shop"' in answer.text
    assert owner.desk.url in answer.text
    assert "wrong-shop-key" not in answer.text


async def test_a_missing_name_and_key_are_said_at_their_fields(owner: Browser) -> None:
    assert "This field is required" in (await add(owner, **{"fields.key": ""})).words
    assert (await add(owner, name="")).status == 422


async def test_a_saved_connection_shows_what_is_plain_and_no_secret(owner: Browser) -> None:
    page = await owner.get(await added(owner))
    assert "stored, encrypted" in page.words
    assert "good-shop-key" not in page.text
    assert "No calls in 24 hours" in page.text
    assert "Nothing uses it yet" in page.words


async def test_a_refused_key_is_shown_with_the_way_out_and_the_runs_that_wait(owner: Browser) -> None:
    address = await added(owner)
    owner.desk.vendor.key = "another"
    assert (await owner.post(f"{address}/test")).status == 303
    run = await owner.desk.paused_run(address.removeprefix("/connections/"))
    page = await owner.get("/apps")
    assert "Main shop stopped working" in page.words
    assert f"{address}#keys-part" in page.text
    wrong = await owner.post(f"{address}/keys", {"fields.key": "wrong", "fields.base_url": owner.desk.url})
    assert wrong.status == 422
    right = await owner.post(f"{address}/keys", {"fields.key": "another", "fields.base_url": owner.desk.url})
    assert right.status == 303
    assert owner.desk.queue.put_ids == [run]
    assert "stopped working" not in (await owner.get(address)).words


async def test_an_empty_secret_keeps_the_stored_one(owner: Browser) -> None:
    address = await added(owner)
    assert (await owner.post(f"{address}/keys", {"fields.key": "", "fields.base_url": owner.desk.url})).status == 303


async def test_it_is_renamed_limited_disabled_and_enabled(owner: Browser) -> None:
    address = await added(owner)
    await owner.post(f"{address}/name", {"name": "Second shop"})
    await owner.post(f"{address}/limit", {"limit_requests": "30", "limit_seconds": "10"})
    await owner.post(f"{address}/disable")
    words = (await owner.get(address)).words
    assert "Second shop Disabled" in words
    assert "30 requests per 10 s" in words
    await owner.post(f"{address}/enable")
    assert "Second shop Active" in (await owner.get(address)).words
    wrong = await owner.post(f"{address}/limit", {"limit_requests": "many"})
    assert wrong.status == 422
    assert "Must be a whole number" in wrong.words


async def test_deleting_asks_for_the_name(owner: Browser) -> None:
    address = await added(owner)
    assert "Type Main shop to delete it" in (await owner.post(f"{address}/delete", {"confirm": "x"})).words
    assert (await owner.post(f"{address}/delete", {"confirm": "Main shop"})).header("location") == "/apps/shop"
    assert (await owner.get(address)).status == 404


async def test_one_that_is_used_cannot_be_deleted_and_says_where(owner: Browser) -> None:
    shop, billing, flow = await owner.desk.shop(), await owner.desk.billing(), await owner.desk.flow()
    bindings = {"trigger": billing, "order": shop, "attach": billing}
    await owner.desk.flow_connections.create(flow_id=flow, name="Production", bindings=bindings)
    answer = await owner.post(f"/connections/{shop}/delete", {"confirm": "Main shop"})
    assert answer.status == 422
    assert "It is in use" in answer.words
    assert "Order on payment" in answer.words


async def test_an_analyst_sees_everything_and_changes_nothing(owner: Browser) -> None:
    address = await added(owner)
    await owner.desk.database.write(lambda connection: connection.exec_driver_sql("UPDATE people SET role = 'analyst'"))
    page = await owner.get(address)
    assert page.status == 200
    assert "Test and save" not in page.words
    assert (await owner.post(f"{address}/disable")).status == 403
    assert "Add connection" not in (await owner.get("/apps")).words


async def test_an_app_that_cannot_be_used_is_shown_with_its_error_and_its_connections(owner: Browser) -> None:
    address = await added(owner)
    owner.desk.break_shop()
    for page in ("/apps", "/apps/shop"):
        words = (await owner.get(page)).words
        assert "The installed app shop cannot be used." in words, page
        assert "RuntimeError: no till" in words, page
    assert address in (await owner.get("/apps/shop")).text
    assert "The app 'shop' cannot be used" in (await owner.get(address)).words
    assert (await owner.get("/apps/shop/readme")).status == 404
