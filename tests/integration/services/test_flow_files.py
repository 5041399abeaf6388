"""Flows as files: what is exported says all, a plan says what apply does, apply is all or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from affluent.domain.flow import FlowDefinition
from affluent.kit.jsons import JSONObject
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.flow_files.model import FileConnection, FileFlowConnection, FlowFile
from affluent.services.flow_files.service import FlowFiles
from affluent.services.flow_files.yaml_text import read, write
from affluent.store import tables
from tests.integration.services.desk import Desk, desk, outbound


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        yield opened


def files(here: Desk) -> FlowFiles:
    return FlowFiles(
        database=here.database,
        catalog=here.catalog,
        vault=here.vault,
        plans=here.connections._plans,
        connections=here.connections,
        flows=here.flows,
        flow_connections=here.flow_connections,
    )


async def furnished(here: Desk) -> str:
    """Two connections and a flow that is switched on; returns the flow connection's id."""
    bindings = {"trigger": await here.billing(), "order": await here.shop(), "attach": ""}
    bindings["attach"] = bindings["trigger"]
    flow_id = await here.flow(inputs=[{"key": "plan", "title": "Plan"}])
    made = await here.flow_connections.create(
        flow_id=flow_id, name="Production", bindings=bindings, inputs={"plan": "Growth"}
    )
    return made.flow_connection.id


async def test_what_was_exported_changes_nothing_where_it_came_from(here: Desk) -> None:
    await furnished(here)
    exported = await files(here).export()
    again = read([("all.yaml", write(exported))])
    assert again == exported
    plan = await files(here).plan(again)
    assert (plan.changes, plan.unchanged) == ((), 4)
    assert "good-shop-key" not in write(exported)


async def test_an_empty_installation_becomes_like_the_exported_one(here: Desk) -> None:
    await furnished(here)
    exported = await files(here).export()
    await emptied(here)
    applied = await files(here).apply(exported, author="Ada")
    assert [change.is_new for change in applied.plan.changes] == [True] * 4
    assert await files(here).export() == exported
    (shop,) = (await here.connections.list(app="shop")).items
    assert (shop.status, shop.status_reason) == ("needs_attention", "Enter its secrets: key.")
    assert any("waits for its secrets (key)" in text for text in applied.plan.attention)
    (version,) = await here.rows(tables.flow_versions)
    assert version.author == "Ada"


async def emptied(here: Desk) -> None:
    for table in (tables.flow_connections, tables.flow_versions, tables.flows, tables.connections):
        await here.database.write(lambda c, table=table: c.execute(table.delete()))


async def test_a_plan_tells_in_words_and_changes_nothing(here: Desk) -> None:
    await furnished(here)
    before = await files(here).export()
    after = changed(before)
    plan = await files(here).plan(after)
    told = {change.what: change.sentences for change in plan.changes}
    assert told["Connection shop/Main shop"] == (
        f"base_url is now “{here.url}/v2” (it was “{here.url}”).",
        "Its own request limit is now 5 requests in 60 seconds.",
    )
    assert told["Flow “Order on payment”"] == ("Step 'attach' (togai.attach) removed.",)
    assert told["Flow connection “Production” of Order on payment"] == (
        "inputs.plan is now “Scale” (it was “Growth”).",
        "It is disabled.",
    )
    assert await files(here).export() == before
    await files(here).apply(after)
    assert await files(here).export() == after
    (shop,) = (await here.connections.list(app="shop")).items
    assert (shop.version, shop.secrets, shop.tested_at) == (2, ("key",), None)


def changed(before: FlowFile) -> FlowFile:
    shop, billing = before.connections
    (flow,), (link,) = before.flows, before.flow_connections
    return before.model_copy(
        update={
            "connections": (
                FileConnection(
                    app="shop",
                    name=shop.name,
                    fields={"base_url": f"{shop.fields['base_url']}/v2"},
                    limit={"requests": 5},
                ),
                billing,
            ),
            "flows": (flow.model_copy(update={"steps": flow.steps[:1]}),),
            "flow_connections": (
                FileFlowConnection(
                    flow=link.flow,
                    name=link.name,
                    enabled=False,
                    connections={"trigger": "togai/Workspace", "order": "shop/Main shop"},
                    inputs={"plan": "Scale"},
                ),
            ),
        }
    )


async def test_a_file_with_one_mistake_changes_nothing(here: Desk) -> None:
    file = FlowFile(
        connections=(FileConnection(app="shop", name="New"),),
        flows=(FlowDefinition.model_validate(outbound()),),
        flow_connections=(FileFlowConnection(flow="Order on payment", name="P", connections={"order": "shop/Other"}),),
    )
    with pytest.raises(NotFound, match=r"Flow connection “P” of Order on payment: connections.order: .*'shop/Other'"):
        await files(here).apply(file)
    assert await files(here).export() == FlowFile()


async def test_a_secret_in_a_file_is_refused(here: Desk) -> None:
    file = FlowFile(connections=(FileConnection(app="shop", name="New", fields={"key": "good-shop-key"}),))
    with pytest.raises(Invalid, match=r"Connection shop/New: fields.key: This is a secret") as caught:
        await files(here).apply(file)
    assert "good-shop-key" not in caught.value.message


async def test_a_flow_that_is_not_valid_names_its_field(here: Desk) -> None:
    steps: list[JSONObject] = [{"id": "order", "app": "shop", "action": "orders"}]
    file = FlowFile(flows=(FlowDefinition.model_validate(outbound(steps=steps)),))
    with pytest.raises(Invalid, match=r"Flow “Order on payment”: steps.0.action: Shop has no action 'orders'"):
        await files(here).plan(file)


async def test_two_things_of_one_name_cannot_be_exported(here: Desk) -> None:
    await here.flow()
    await here.flow()
    with pytest.raises(Conflict, match="Two flows of your own are called 'Order on payment'"):
        await files(here).export()


async def test_one_flow_is_exported_with_what_it_needs_only(here: Desk) -> None:
    link = await furnished(here)
    await here.shop("Another shop")
    flow_id = (await here.flow_connections.get(link)).flow_id
    exported = await files(here).export(flow_id=flow_id)
    assert [item.name for item in exported.connections] == ["Main shop", "Workspace"]
    assert len(exported.flows) == len(exported.flow_connections) == 1


async def test_enabling_a_connection_by_file_lets_its_runs_go_on(here: Desk) -> None:
    shop = await here.shop()
    await here.connections.disable(shop)
    run = await here.paused_run(shop)
    file = await files(here).export()
    (item,) = file.connections
    await files(here).apply(file.model_copy(update={"connections": (item.model_copy(update={"disabled": False}),)}))
    assert here.queue.put_ids == [run]


async def test_the_secret_of_a_new_webhook_is_told_once(here: Desk) -> None:
    definition: dict[str, Any] = {"name": "Ring", "type": "inbound", "trigger": {"app": "bell", "trigger": "pressed"}}
    definition["steps"] = [{"id": "ring", "app": "bell", "action": "ring"}]
    file = FlowFile(
        flows=(FlowDefinition.model_validate(definition),),
        flow_connections=(FileFlowConnection(flow="Ring", name="Door"),),
    )
    applied = await files(here).apply(file)
    ((what, secret),) = applied.hook_secrets.items()
    assert what == "Flow connection “Door” of Ring"
    assert len(secret) >= 32
    assert secret not in repr(applied)
    assert (await files(here).apply(file)).hook_secrets == {}
