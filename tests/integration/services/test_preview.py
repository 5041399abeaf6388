"""Previews: nothing is sent."""

from __future__ import annotations

import pytest

from affluent.services.errors import Invalid, NotFound
from affluent.services.flows.preview import Scene
from affluent.store import tables
from tests.integration.services.desk import desk, outbound

ORDER, ATTACH = outbound()["steps"]


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path / 'a.db'}"


async def test_every_step_shows_the_request_it_would_send_and_nothing_is_sent(database_url):
    async with desk(database_url) as it:
        shop, billing = await it.shop(), await it.billing(base_url=it.url)
        it.vendor.calls.clear()
        scene = Scene(bindings={"order": shop, "attach": billing})
        shown = await it.preview.of_draft(outbound(), scene)
        assert it.vendor.calls == []
        assert shown.nothing_is_sent
        order, attach = shown.steps
        assert (order.request["method"], order.request["url"]) == ("POST", f"{it.url}/orders")
        assert order.request["request"]["headers"]["Authorization"] == "••••"
        assert order.request["request"]["body"]["amount"] == 249900
        assert order.assumed_output == {"receipt": "r-sample"}
        assert attach.input == {"plan": "r-sample"}
        assert attach.request["request"]["body"] == "plan=r-sample"
        assert "good-shop-key" not in str(shown)
        assert await it.rows(tables.runs) == []


async def test_without_connections_stand_ins_are_used(sqlite):
    async with desk(sqlite) as it:
        shown = await it.preview.of_draft(outbound())
        assert [step.request["url"] for step in shown.steps] == [
            "http://shop.example/orders",
            "http://127.0.0.1:8080/togai/plans",
        ]


async def test_a_past_event_is_played_again(database_url):
    async with desk(database_url) as it:
        shop, billing = await it.shop(), await it.billing()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        flow_id = await it.flow()
        link = await it.flow_connections.create(flow_id=flow_id, name="Live", bindings=bindings)
        payload = {"id": "INV-9", "net": "5", "currency": "JPY", "account": {"id": "A"}}
        accepted = await it.flow_connections.trigger_now(link.flow_connection.id, payload)
        shown = await it.preview.of_flow(flow_id, Scene(event_id=accepted.event_id, bindings=bindings))
        assert (shown.event["id"], shown.payload) == (accepted.event_id, payload)
        assert shown.steps[0].input == {"id": "INV-9", "amount": 5, "currency": "USD"}


async def test_conditions_are_judged_and_what_follows_a_stop_is_not_reached(sqlite):
    async with desk(sqlite) as it:
        steps = [{**ORDER, "condition": "trigger.currency == 'EUR'", "on_condition_false": "stop"}, ATTACH]
        shown = await it.preview.of_draft(outbound(steps=steps))
        order, attach = shown.steps
        assert (order.condition_met, order.runs) == (False, False)
        assert order.sentence == "Condition not met: trigger.currency == 'EUR'"
        assert order.request is not None
        assert (attach.runs, attach.sentence) == (False, "Not reached: the flow ends before this step.")


async def test_a_trigger_condition_that_is_not_met_runs_nothing(sqlite):
    async with desk(sqlite) as it:
        trigger = {**outbound()["trigger"], "condition": "trigger.currency == 'EUR'"}
        shown = await it.preview.of_draft(outbound(trigger=trigger))
        assert shown.trigger_condition_met is False
        assert not any(step.runs for step in shown.steps)


async def test_problems_are_named_with_their_place(sqlite):
    async with desk(sqlite) as it:
        steps = [
            {**ORDER, "inputs": {"id": "{{ trigger.id }}", "amount": "{{ trigger.id }}", "currency": "{{ 1 / 0 }}"}},
            {**ATTACH, "condition": "trigger.id", "inputs": {}},
            {"id": "lost", "app": "shop", "action": "gone"},
        ]
        shown = await it.preview.of_draft(outbound(steps=steps))
        assert {problem.field for problem in shown.problems} == {
            "steps.0.inputs.amount",
            "steps.0.inputs.currency",
            "steps.1.condition",
            "steps.1.inputs.plan",
            "steps.2.action",
        }
        assert all(step.request is None for step in shown.steps)


async def test_an_action_that_sends_nothing_shows_what_it_gives(sqlite):
    async with desk(sqlite) as it:
        shown = await it.preview.of_draft(outbound(steps=[{"id": "ring", "app": "bell", "action": "ring"}]))
        assert (shown.steps[0].request, shown.steps[0].assumed_output) == (None, {"receipt": "rang"})


async def test_the_draft_is_played_unless_a_version_is_named(sqlite):
    async with desk(sqlite) as it:
        flow_id = await it.flow()
        await it.flows.save_draft(flow_id, outbound(steps=[ATTACH | {"inputs": {"plan": "P"}}]))
        assert len((await it.preview.of_flow(flow_id)).steps) == 1
        assert len((await it.preview.of_flow(flow_id, version=1)).steps) == 2
        for wrong in ({"flow_id": "flo_none"}, {"flow_id": flow_id, "version": 9}):
            with pytest.raises(NotFound):
                await it.preview.of_flow(**wrong)


async def test_wrong_scenes_are_refused(sqlite):
    async with desk(sqlite) as it:
        billing = await it.billing()
        with pytest.raises(Invalid) as caught:
            await it.preview.of_draft(outbound(), Scene(bindings={"order": billing}))
        assert caught.value.field == "bindings.order"
        with pytest.raises(NotFound):
            await it.preview.of_draft(outbound(), Scene(event_id="evt_none"))
        with pytest.raises(Invalid):
            await it.preview.of_draft({"name": "x"})


@pytest.mark.parametrize("payload", [{}, {"id": None, "net": [], "currency": 5}, {"account": "text"}])
async def test_a_payload_of_any_shape_is_played(sqlite, payload):
    async with desk(sqlite) as it:
        shown = await it.preview.of_draft(outbound(), Scene(payload=payload))
        assert shown.problems
