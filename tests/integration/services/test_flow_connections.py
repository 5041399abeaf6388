"""Flow connections, on both stores."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, update

from affluent.domain.event import WORKSPACE
from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.store import tables
from tests.integration.services.desk import SERVER, desk, outbound

PAID = {"id": "INV-7", "net": "12.345", "currency": "KWD", "account": {"id": "ACC-7"}}
RING = {
    "name": "Ring the bell",
    "type": "inbound",
    "trigger": {"app": "bell", "trigger": "pressed"},
    "inputs": [
        {"key": "who", "title": "Who", "required": True},
        {"key": "often", "title": "How often", "type": "number", "default": 1},
        {"key": "loud", "title": "Loud", "type": "boolean"},
        {"key": "tone", "title": "Tone", "type": "choice", "choices": ["high", "low"]},
        {"key": "plans", "title": "Plans", "type": "table", "columns": [{"key": "plan", "title": "Plan"}]},
    ],
    "steps": [{"id": "ring", "app": "bell", "action": "ring", "inputs": {}}],
}


async def connected(it, **changes):
    """A connected flow; returns the view of its flow connection."""
    shop, billing = await it.shop(), await it.billing()
    bindings = {"trigger": billing, "order": shop, "attach": billing}
    flow_id = await it.flow(**changes)
    return (await it.flow_connections.create(flow_id=flow_id, name="Live", bindings=bindings)).flow_connection


async def ringing(it, **inputs):
    """A flow whose trigger needs no connection, connected."""
    flow_id = (await it.flows.create(RING, publish=True)).flow.id
    return await it.flow_connections.create(flow_id=flow_id, name="Door", inputs={"who": "Ada", **inputs})


async def test_a_local_billing_connection_listens_to_the_workspace(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        assert (link.trigger_app, link.trigger_event, link.trigger_source) == ("togai", "invoice.paid", WORKSPACE)
        assert link.needs == {"trigger": "togai", "order": "shop", "attach": "togai"}
        assert (link.enabled, link.webhook_url, link.flow_version) == (True, "", 1)


async def test_another_billing_server_is_its_own_source(database_url):
    async with desk(database_url) as it:
        shop, billing = await it.shop(), await it.billing(base_url=it.url)
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        made = await it.flow_connections.create(flow_id=await it.flow(), name="Live", bindings=bindings)
        assert made.flow_connection.trigger_source == billing


async def test_a_webhook_of_an_app_without_credentials_has_its_own_source_address_and_secret(database_url):
    async with desk(database_url) as it:
        made = await ringing(it)
        link = made.flow_connection
        (row,) = await it.rows(tables.flow_connections)
        assert link.trigger_source == link.id
        assert link.webhook_url == f"{SERVER}/hooks/{link.id}/{row.hook_token}"
        assert made.hook_secret not in repr(made)
        assert made.hook_secret not in str(row)
        assert loads(it.vault.open(row.hook_secrets, f"flow_connections/{link.id}")) == [made.hook_secret]


async def test_the_old_webhook_secret_is_accepted_during_a_rotation(database_url):
    async with desk(database_url) as it:
        made = await ringing(it)
        link_id = made.flow_connection.id

        async def known():
            (row,) = await it.rows(tables.flow_connections)
            return loads(it.vault.open(row.hook_secrets, f"flow_connections/{link_id}"))

        second = await it.flow_connections.rotate_secret(link_id)
        assert await known() == [second.hook_secret, made.hook_secret]
        await it.flow_connections.rotate_secret(link_id, secret="given-by-the-vendor")
        assert await known() == ["given-by-the-vendor", second.hook_secret]
        await it.flow_connections.forget_old_secret(link_id)
        assert await known() == ["given-by-the-vendor"]
        with pytest.raises(Invalid) as caught:
            await it.flow_connections.rotate_secret(link_id, secret="short")
        assert caught.value.field == "secret"


async def test_only_webhooks_with_a_secret_of_their_own_rotate_it(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        with pytest.raises(Conflict, match="secret of its own"):
            await it.flow_connections.rotate_secret(link.id)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"attach": ""}, ["bindings.attach"]),
        ({"attach": "con_none"}, ["bindings.attach"]),
        ({"attach": "shop"}, ["bindings.attach"]),
        ({"trigger": "", "order": ""}, ["bindings.trigger", "bindings.order"]),
        ({"unknown": "shop"}, ["bindings.unknown"]),
    ],
)
async def test_a_wrong_binding_is_named(tmp_path, changes, fields):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        shop, billing = await it.shop(), await it.billing()
        ids = {"shop": shop}
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        bindings |= {place: ids.get(value, value) for place, value in changes.items()}
        with pytest.raises(Invalid) as caught:
            await it.flow_connections.create(flow_id=await it.flow(), name="Live", bindings=bindings)
        assert [field for field, _ in caught.value.problems] == fields
        assert await it.rows(tables.flow_connections) == []


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"who": ""}, "inputs.who"),
        ({"who": 5}, "inputs.who"),
        ({"often": "twice"}, "inputs.often"),
        ({"often": True}, "inputs.often"),
        ({"loud": "yes"}, "inputs.loud"),
        ({"tone": "middle"}, "inputs.tone"),
        ({"plans": {"plan": "A"}}, "inputs.plans"),
        ({"plans": ["A"]}, "inputs.plans"),
        ({"plans": [{"price": "A"}]}, "inputs.plans"),
        ({"plans": [{"plan": ["A"]}]}, "inputs.plans"),
        ({"colour": "red"}, "inputs.colour"),
    ],
)
async def test_a_wrong_input_is_named(tmp_path, inputs, field):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(Invalid) as caught:
            await ringing(it, **inputs)
        assert [name for name, _ in caught.value.problems] == [field]


async def test_inputs_are_kept_as_they_were_entered(database_url):
    async with desk(database_url) as it:
        link = (await ringing(it, often=2.5, loud=False, tone="low", plans=[{"plan": "A"}])).flow_connection
        assert link.inputs == {"who": "Ada", "often": 2.5, "loud": False, "tone": "low", "plans": [{"plan": "A"}]}


async def test_trigger_now_starts_one_run_of_this_flow_connection_alone(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        other = await it.flow_connections.create(flow_id=link.flow_id, name="Other", bindings=link.bindings)
        accepted = await it.flow_connections.trigger_now(link.id, PAID)
        again = await it.flow_connections.trigger_now(link.id, PAID)
        assert accepted.is_new
        assert again.is_new
        runs = await it.rows(tables.runs)
        assert {run.flow_connection_id for run in runs} == {link.id} != {other.flow_connection.id}
        event = (await it.rows(tables.events))[0]
        assert (event.source, event.type, event.account_id, event.title) == (
            WORKSPACE,
            "invoice.paid",
            "ACC-7",
            "INV-7",
        )
        assert (event.amount_minor, event.currency) == (12345, "KWD")


async def test_a_payload_that_the_trigger_would_not_give_is_refused(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        with pytest.raises(Invalid) as caught:
            await it.flow_connections.trigger_now(link.id, {"id": "INV-7", "net": 12, "currency": "USD"})
        assert [field for field, _ in caught.value.problems] == ["payload.net", "payload.account"]


async def test_a_disabled_flow_connection_is_not_triggered(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        assert not (await it.flow_connections.disable(link.id)).enabled
        with pytest.raises(Conflict, match="disabled"):
            await it.flow_connections.trigger_now(link.id, PAID)
        assert (await it.flow_connections.enable(link.id)).enabled


async def test_two_flows_do_not_track_the_same_money_on_one_connection(database_url):
    async with desk(database_url) as it:
        link = await connected(it, tracks_money_of="sales")
        second = await it.flow(
            name="Order on invoice", trigger={"app": "togai", "trigger": "invoice_made"}, tracks_money_of="sales"
        )
        made = await it.flow_connections.create(flow_id=second, name="Second", bindings=link.bindings, enabled=False)
        with pytest.raises(Conflict, match=r"Live \(Order on payment\) already tracks sales"):
            await it.flow_connections.enable(made.flow_connection.id)
        with pytest.raises(Conflict, match="twice"):
            await it.flow_connections.create(flow_id=second, name="Third", bindings=link.bindings)
        await it.flow_connections.disable(link.id)
        assert (await it.flow_connections.enable(made.flow_connection.id)).enabled


async def test_of_two_enabled_at_the_same_time_one_tracks_the_money(database_url):
    async with desk(database_url) as it:
        link = await connected(it, tracks_money_of="sales")
        await it.flow_connections.disable(link.id)
        made = [
            (
                await it.flow_connections.create(flow_id=link.flow_id, name=name, bindings=link.bindings, enabled=False)
            ).flow_connection.id
            for name in "ab"
        ]
        results = await asyncio.gather(*(it.flow_connections.enable(one) for one in made), return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in results) == 1


async def test_the_same_money_may_be_tracked_on_another_connection_or_from_another_source(database_url):
    async with desk(database_url) as it:
        link = await connected(it, tracks_money_of="sales")
        elsewhere = {**link.bindings, "order": await it.shop("Second shop")}
        await it.flow_connections.create(flow_id=link.flow_id, name="Elsewhere", bindings=elsewhere)
        other = await it.billing("Other server", base_url=it.url)
        await it.flow_connections.create(
            flow_id=link.flow_id, name="From", bindings={**link.bindings, "trigger": other}
        )
        assert len(await it.flow_connections.list(enabled=True)) == 3


async def test_removing_cancels_what_is_unfinished_and_keeps_the_history(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        (queued,) = (await it.flow_connections.trigger_now(link.id, {**PAID, "account": {"id": "A"}})).run_ids
        (running,) = (await it.flow_connections.trigger_now(link.id, {**PAID, "account": {"id": "B"}})).run_ids
        runs = tables.runs
        await it.database.write(lambda c: c.execute(update(runs).where(runs.c.id == running).values(state="running")))
        other = {
            "id": "run_other", "event_id": "evt", "flow_id": "flo", "flow_version": 1, "flow_connection_id": "fco_other",
            "state": "queued", "ready": False, "priority": 0, "rank": 1, "ordering_key": "togai:A", "event_at": clock.now(),
            "due_at": clock.now(), "lease": 0, "position": 0, "tries": 0, "account_id": "A", "title": "", "cancel": False,
            "sentence": "", "cause": "", "waits_for": "", "created_at": clock.now(),
        }  # fmt: skip
        await it.database.write(lambda c: c.execute(insert(runs).values(**other)))
        await it.flow_connections.remove(link.id)
        rows = {row.id: row for row in await it.rows(runs)}
        assert (rows[queued].state, rows[queued].sentence) == (
            "cancelled",
            "The flow connection of this run was removed.",
        )
        assert (rows[running].state, rows[running].cancel) == ("running", True)
        assert rows["run_other"].ready
        with pytest.raises(NotFound):
            await it.flow_connections.get(link.id)


async def test_update_changes_only_what_is_given(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        assert (await it.flow_connections.update(link.id, name="New")).bindings == link.bindings
        other = await it.billing("Other server", base_url=it.url)
        moved = await it.flow_connections.update(link.id, bindings={**link.bindings, "trigger": other})
        assert (moved.name, moved.trigger_source) == ("New", other)
        with pytest.raises(Invalid):
            await it.flow_connections.update(link.id, inputs={"x": 1})


async def test_flow_connections_are_filtered_and_paged(database_url):
    async with desk(database_url) as it:
        link = await connected(it)
        second = (
            await it.flow_connections.create(flow_id=link.flow_id, name="B", bindings=link.bindings)
        ).flow_connection
        door = (await ringing(it)).flow_connection
        first = await it.flow_connections.list(limit=2)
        rest = await it.flow_connections.list(limit=2, after=first.next)
        assert [one.id for page in (first, rest) for one in page] == [link.id, second.id, door.id]
        assert [one.id for one in await it.flow_connections.list(flow_id=door.flow_id)] == [door.id]
        assert len(await it.flow_connections.list(connection_id=link.bindings["order"])) == 2


async def test_a_draft_cannot_be_connected(database_url):
    async with desk(database_url) as it:
        draft = await it.flows.create(outbound())
        with pytest.raises(Conflict, match="Publish it"):
            await it.flow_connections.create(flow_id=draft.flow.id, name="Live")
        with pytest.raises(NotFound):
            await it.flow_connections.create(flow_id="flo_none", name="Live")
