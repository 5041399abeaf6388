"""Flows, on both stores."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert

from affluent.domain.flow import FlowDefinition
from affluent.kit import clock
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.store import tables
from tests.integration.services.desk import desk, outbound


def shipped(key: str = "order", **changes):
    return FlowDefinition.model_validate(outbound(key=key, **changes))


async def a_run_of(it, flow_id: str) -> None:
    now = clock.now()
    values = {
        "id": "run_1", "event_id": "evt_1", "flow_id": flow_id, "flow_version": 1, "flow_connection_id": "fco_1",
        "state": "succeeded", "ready": True, "priority": 0, "rank": 1, "ordering_key": "run_1", "event_at": now,
        "due_at": now, "lease": 1, "position": 0, "tries": 0, "account_id": "", "title": "INV-1", "cancel": False,
        "sentence": "Done.", "cause": "", "waits_for": "", "created_at": now, "finished_at": now,
    }  # fmt: skip
    await it.database.write(lambda c: c.execute(insert(tables.runs).values(**values)))


async def test_shipped_flows_are_published_once_and_again_only_when_they_changed(database_url):
    async with desk(database_url) as it:
        assert await it.flows.sync_public([shipped(), shipped("other")]) == 2
        assert await it.flows.sync_public([shipped(), shipped("other")]) == 0
        assert await it.flows.sync_public([shipped(description="New words."), shipped("other")]) == 1
        listed = await it.flows.list(visibility="public")
        assert {flow.key: (flow.version, flow.description) for flow in listed} == {
            "order": (2, "New words."),
            "other": (1, ""),
        }


async def test_two_processes_may_publish_the_shipped_flows_at_once(database_url):
    async with desk(database_url) as it:
        await asyncio.gather(*(it.flows.sync_public([shipped()]) for _ in range(3)))
        assert [(flow.key, flow.version) for flow in await it.flows.list()] == [("order", 1)]


async def test_a_list_says_apps_connections_and_the_last_run(database_url):
    async with desk(database_url) as it:
        flow_id = await it.flow()
        shop, billing = await it.shop(), await it.billing()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        await it.flow_connections.create(flow_id=flow_id, name="Live", bindings=bindings)
        await it.flow_connections.create(flow_id=flow_id, name="Off", bindings=bindings, enabled=False)
        await a_run_of(it, flow_id)
        (flow,) = await it.flows.list()
        assert (flow.apps, flow.connections, flow.enabled_connections) == (("togai", "shop"), 2, 1)
        assert (flow.last_run.id, flow.last_run.state) == ("run_1", "succeeded")


async def test_flows_are_searched_and_paged(database_url):
    async with desk(database_url) as it:
        await it.flows.sync_public([shipped()])
        ids = [await it.flow(name=f"Private {number}") for number in range(3)]
        first = await it.flows.list(visibility="private", limit=2)
        second = await it.flows.list(visibility="private", limit=2, after=first.next)
        assert [flow.id for page in (first, second) for flow in page] == ids
        assert [flow.name for flow in await it.flows.list(search="PRIVATE 1")] == ["Private 1"]
        assert len(await it.flows.list(search="%")) == 0


async def test_a_draft_may_be_anything_until_it_is_published(database_url):
    async with desk(database_url) as it:
        made = await it.flows.create({"name": 5, "steps": "none", "trigger": {"app": ["x"]}})
        assert (made.flow.name, made.flow.version, made.flow.has_draft, made.definition) == (
            "Untitled flow",
            0,
            True,
            None,
        )
        await it.flows.save_draft(made.flow.id, outbound(name="A"))
        with pytest.raises(Invalid) as caught:
            await it.flows.publish(made.flow.id)
        assert [field for field, _ in caught.value.problems] == ["name"]
        await it.flows.save_draft(made.flow.id, outbound())
        published = await it.flows.publish(made.flow.id, author="Ada", note="Go.")
        assert published.changes == ("First version.",)
        assert (published.flow.flow.version, published.flow.flow.name, published.flow.draft) == (
            1,
            "Order on payment",
            None,
        )
        assert [(one.number, one.author, one.note) for one in published.flow.versions] == [(1, "Ada", "Go.")]


async def test_a_new_version_says_in_words_what_changed_and_the_old_one_stays(database_url):
    async with desk(database_url) as it:
        flow_id = await it.flow()
        changed = outbound(name="Order at once")
        changed["steps"][0]["inputs"]["currency"] = "{{ trigger.currency }}"
        await it.flows.save_draft(flow_id, changed)
        assert (await it.flows.get(flow_id)).flow.name == "Order on payment"
        assert await it.flows.diff(flow_id) == (
            "Name is now “Order at once” (it was “Order on payment”).",
            "Step 'order': currency added: “{{ trigger.currency }}”.",
        )
        await it.flows.publish(flow_id)
        assert (await it.flows.version(flow_id, 1)).name == "Order on payment"
        versions = await it.flows.versions(flow_id)
        assert [(one.number, len(one.changes)) for one in versions] == [(2, 2), (1, 1)]


async def test_a_version_is_restored_as_a_draft(database_url):
    async with desk(database_url) as it:
        flow_id = await it.flow()
        await it.flows.save_draft(flow_id, outbound(name="Second"))
        await it.flows.publish(flow_id)
        restored = await it.flows.restore(flow_id, 1)
        assert (restored.draft["name"], restored.flow.version) == ("Order on payment", 2)
        assert (await it.flows.discard_draft(flow_id)).draft is None
        with pytest.raises(NotFound):
            await it.flows.restore(flow_id, 9)


async def test_a_shipped_flow_is_not_changed_but_copied(database_url):
    async with desk(database_url) as it:
        await it.flows.sync_public([shipped()])
        (flow,) = await it.flows.list()
        for act in (it.flows.save_draft(flow.id, {}), it.flows.publish(flow.id), it.flows.delete(flow.id)):
            with pytest.raises(Conflict, match="shipped with Affluent"):
                await act
        copy = await it.flows.copy(flow.id)
        assert (copy.flow.name, copy.flow.visibility) == ("Order on payment (copy)", "private")
        assert (await it.flows.publish(copy.flow.id)).flow.definition.key == ""


async def test_publishing_without_a_draft_is_refused(database_url):
    async with desk(database_url) as it:
        flow_id = await it.flow()
        with pytest.raises(Conflict, match="no draft"):
            await it.flows.publish(flow_id)
        with pytest.raises(Conflict, match="no draft"):
            await it.flows.diff(flow_id)


async def test_a_connected_flow_is_not_deleted(database_url):
    async with desk(database_url) as it:
        flow_id, shop, billing = await it.flow(), await it.shop(), await it.billing()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        link = await it.flow_connections.create(flow_id=flow_id, name="Live", bindings=bindings)
        with pytest.raises(Conflict, match="Live"):
            await it.flows.delete(flow_id)
        await it.flow_connections.remove(link.flow_connection.id)
        await it.flows.delete(flow_id)
        with pytest.raises(NotFound):
            await it.flows.get(flow_id)
        assert await it.rows(tables.flow_versions) == []


async def test_the_runs_of_a_deleted_flow_keep_its_name(database_url):
    async with desk(database_url) as it:
        flow_id = await it.flow()
        await a_run_of(it, flow_id)
        await it.flows.delete(flow_id)
        assert len(await it.flows.list()) == 0
        assert [row.name for row in await it.rows(tables.flows)] == ["Order on payment"]


async def test_flow_connections_follow_a_new_version_and_say_what_they_need(database_url):
    async with desk(database_url) as it:
        steps = outbound()["steps"]
        flow_id = await it.flow(steps=[{**steps[1], "inputs": {"plan": "PLAN-1"}}])
        billing = await it.billing()
        made = await it.flow_connections.create(
            flow_id=flow_id, name="Live", bindings={"trigger": billing, "attach": billing}
        )
        again = {**steps[1], "id": "again"}
        await it.flows.save_draft(
            flow_id, outbound(steps=[steps[0], steps[1], again], trigger={"app": "togai", "trigger": "invoice_made"})
        )
        published = await it.flows.publish(flow_id)
        assert published.attention == ("Live needs a connection for order. Its runs will stop there until it has.",)
        link = await it.flow_connections.get(made.flow_connection.id)
        assert (link.trigger_event, link.enabled) == ("invoice.generated", True)
        assert link.bindings == {"trigger": billing, "attach": billing, "again": billing}


async def test_a_flow_connection_whose_new_trigger_has_no_connection_is_disabled(database_url):
    async with desk(database_url) as it:
        flow_id = (
            await it.flows.create(
                {"name": "Ring", "type": "inbound", "trigger": {"app": "bell", "trigger": "pressed"}, "steps": []},
                publish=True,
            )
        ).flow.id
        made = await it.flow_connections.create(flow_id=flow_id, name="Live")
        await it.flows.save_draft(flow_id, outbound(steps=[]))
        published = await it.flows.publish(flow_id)
        assert published.attention == ("Live needs a connection for trigger. It was disabled.",)
        assert not (await it.flow_connections.get(made.flow_connection.id)).enabled


async def test_a_draft_that_is_too_large_is_refused(tmp_path):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(Invalid, match="at most"):
            await it.flows.create({"description": "x" * 300_000})


@pytest.mark.parametrize("act", ["get", "copy", "publish", "delete", "versions", "discard_draft"])
async def test_a_flow_that_is_not_there_is_not_found(tmp_path, act):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(NotFound):
            await getattr(it.flows, act)("flo_none")
