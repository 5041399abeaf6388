"""Connections, on both stores."""

from __future__ import annotations

import asyncio

import pytest

from affluent.domain.event import WORKSPACE
from affluent.services.connections import credentials
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.store import tables
from tests.integration.services.desk import desk


async def run_states(it):
    return {row.id: (row.state, row.waits_for) for row in await it.rows(tables.runs)}


async def test_a_connection_is_tested_then_saved_with_its_secret_sealed(database_url):
    async with desk(database_url) as it:
        fields = {"base_url": it.url, "key": " good-shop-key\n", "signing": "sign-me-please"}
        made = await it.connections.create(app="shop", name="Main", fields=fields)
        assert it.vendor.calls == ["GET /me"]
        assert (made.status, made.version, made.fields) == ("active", 1, {"base_url": it.url})
        assert set(made.secrets) == {"key", "signing"}
        assert made.tested_at is not None
        (row,) = await it.rows(tables.connections)
        assert "good-shop-key" not in str(row)
        assert b"good-shop-key" in it.vault.open(row.secrets, f"connections/{made.id}")


async def test_a_wrong_key_is_put_on_its_field_and_nothing_is_saved(database_url):
    async with desk(database_url) as it:
        with pytest.raises(Invalid) as caught:
            await it.shop(key="wrong-key")
        assert caught.value.field == "fields.key"
        assert "401" in caught.value.message
        assert await it.rows(tables.connections) == []


async def test_a_vendor_that_cannot_be_reached_is_nobodys_fault(database_url):
    async with desk(database_url) as it:
        with pytest.raises(Invalid, match="cannot be reached") as caught:
            await it.shop(base_url="http://127.0.0.1:9")
        assert caught.value.field == ""


async def test_the_test_can_be_skipped(database_url):
    async with desk(database_url) as it:
        made = await it.connections.create(app="shop", name="A", fields={"key": "never-tested"}, skip_test=True)
        assert it.vendor.calls == []
        assert made.tested_at is None


@pytest.mark.parametrize(
    ("app", "name", "fields", "field"),
    [
        ("nothing", "A", {}, "app"),
        ("bell", "A", {}, "app"),
        ("shop", "", {"key": "x"}, "name"),
        ("shop", "A", {}, "fields.key"),
        ("shop", "A", {"key": "  "}, "fields.key"),
        ("shop", "A", {"key": "x", "colour": "red"}, "fields.colour"),
        ("shop", "A", {"key": 5}, "fields.key"),
        ("shop", "A", {"key": "x", "base_url": ["a"]}, "fields.base_url"),
    ],
)
async def test_a_wrong_input_is_named_before_the_vendor_is_asked(tmp_path, app, name, fields, field):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(Invalid) as caught:
            await it.connections.create(app=app, name=name, fields=fields)
        assert caught.value.field == field
        assert it.vendor.calls == []


async def test_a_name_is_taken_once_per_app(database_url):
    async with desk(database_url) as it:
        await it.shop("Same")
        await it.billing("Same")
        with pytest.raises(Conflict) as caught:
            await it.shop("Same")
        assert caught.value.field == "name"
        second = await it.shop("Other")
        with pytest.raises(Conflict):
            await it.connections.update(second, name="Same")


async def test_of_two_that_take_one_name_at_the_same_time_one_is_told(database_url):
    async with desk(database_url) as it:
        both = await asyncio.gather(it.shop("Same"), it.shop("Same"), return_exceptions=True)
        assert [type(result) for result in both if not isinstance(result, str)] == [Conflict]


async def test_an_empty_secret_is_kept_and_null_removes_a_field(database_url):
    async with desk(database_url) as it:
        made = await it.shop(signing="sign-me-please")
        kept = await it.connections.update(made, fields={"key": "", "signing": ""})
        assert (kept.version, set(kept.secrets)) == (2, {"key", "signing"})
        fewer = await it.connections.update(made, fields={"signing": None})
        assert fewer.secrets == ("key",)
        with pytest.raises(Invalid) as caught:
            await it.connections.update(made, fields={"key": None})
        assert caught.value.field == "fields.key"


async def test_renaming_asks_the_vendor_nothing(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        it.vendor.calls.clear()
        renamed = await it.connections.update(made, name="New name")
        assert (renamed.name, renamed.version, it.vendor.calls) == ("New name", 1, [])


async def test_rotating_the_key_of_an_ailing_connection_lets_its_paused_runs_go_on(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        it.vendor.key = "new-shop-key"
        tested = await it.connections.test(made)
        assert (tested.ok, tested.field, tested.connection.status) == (False, "fields.key", "needs_attention")
        ready, held, other = (
            await it.paused_run(made),
            await it.paused_run(made, ready=False),
            await it.paused_run("con_other"),
        )
        repaired = await it.connections.update(made, fields={"key": "new-shop-key"})
        assert (repaired.status, repaired.status_reason, repaired.version) == ("active", "", 2)
        assert await run_states(it) == {
            ready: ("queued", ""),
            held: ("queued", ""),
            other: ("paused", "con_other"),
        }
        assert it.queue.put_ids == [ready]
        assert it.woken


async def test_a_wrong_new_key_changes_nothing(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        with pytest.raises(Invalid):
            await it.connections.update(made, fields={"key": "wrong-key"}, name="New name")
        after = await it.connections.get(made)
        assert (after.version, after.name, after.status) == (1, "Main shop", "active")


async def test_testing_an_ailing_connection_that_is_accepted_again_repairs_it(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        it.vendor.key = "other"
        await it.connections.test(made)
        run = await it.paused_run(made)
        it.vendor.key = "good-shop-key"
        tested = await it.connections.test(made)
        assert (tested.ok, tested.message, tested.connection.status) == (True, "Signed in as Ada.", "active")
        assert (await run_states(it))[run] == ("queued", "")


async def test_a_vendor_that_is_down_does_not_break_a_connection(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        it.vendor.status = 503
        tested = await it.connections.test(made)
        assert (tested.ok, tested.connection.status) == (False, "active")


async def test_a_disabled_connection_stays_so_until_it_is_enabled(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        assert (await it.connections.disable(made)).status == "disabled"
        run = await it.paused_run(made)
        assert (await it.connections.update(made, fields={"key": "good-shop-key"})).status == "disabled"
        assert (await it.connections.test(made)).connection.status == "disabled"
        assert (await run_states(it))[run] == ("paused", made)
        assert (await it.connections.enable(made)).status == "active"
        assert (await run_states(it))[run] == ("queued", "")


async def test_a_connection_in_use_is_not_deleted_and_says_where(database_url):
    async with desk(database_url) as it:
        shop, billing = await it.shop(), await it.billing()
        flow = await it.flow()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        link = await it.flow_connections.create(flow_id=flow, name="Live", bindings=bindings)
        (use,) = (await it.connections.get(billing)).used_by
        assert (use.flow_name, set(use.places)) == ("Order on payment", {"trigger", "attach"})
        with pytest.raises(Conflict, match=r"Main shop is used by Live \(Order on payment\)"):
            await it.connections.delete(shop)
        await it.flow_connections.remove(link.flow_connection.id)
        await it.connections.delete(shop)
        with pytest.raises(NotFound):
            await it.connections.get(shop)


async def test_a_connection_that_is_pointed_elsewhere_takes_its_flow_connections_along(database_url):
    async with desk(database_url) as it:
        shop, billing = await it.shop(), await it.billing()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        link = (
            await it.flow_connections.create(flow_id=await it.flow(), name="Live", bindings=bindings)
        ).flow_connection
        assert link.trigger_source == WORKSPACE
        await it.connections.update(billing, fields={"base_url": it.url, "secret": "aff_theirs"})
        assert (await it.flow_connections.get(link.id)).trigger_source == billing
        await it.connections.update(billing, fields={"base_url": "", "secret": "aff_ours"})
        assert (await it.flow_connections.get(link.id)).trigger_source == WORKSPACE


async def test_the_owner_may_set_a_limit_of_his_own(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        limited = await it.connections.set_limit(made, requests=100)
        assert (limited.limit_requests, limited.limit_seconds) == (100, 60)
        free = await it.connections.set_limit(made, requests=None)
        assert (free.limit_requests, free.limit_seconds) == (None, None)
        with pytest.raises(Invalid) as caught:
            await it.connections.set_limit(made, requests=0)
        assert caught.value.field == "limit_requests"


async def test_a_test_does_not_wait_for_a_limit_without_room(database_url, monkeypatch):
    monkeypatch.setattr(credentials, "_LONGEST_TEST_SECONDS", 0.2)
    async with desk(database_url) as it:
        made = await it.shop()
        await it.connections.set_limit(made, requests=1, seconds=86_400)
        await it.connections.test(made)
        tested = await it.connections.test(made)
        assert (tested.ok, tested.connection.status) == (False, "active")
        assert "no room" in tested.message


async def test_secrets_that_cannot_be_opened_can_be_entered_anew(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        await it.database.write(lambda c: c.execute(tables.connections.update().values(secrets=b"\x01\x04lost....")))
        tested = await it.connections.test(made)
        assert (tested.ok, tested.connection.status) == (False, "needs_attention")
        repaired = await it.connections.update(made, fields={"key": "good-shop-key"})
        assert (repaired.status, repaired.secrets) == ("active", ("key",))


async def test_connections_are_filtered_and_paged(database_url):
    async with desk(database_url) as it:
        ids = [await it.shop(f"Shop {number}") for number in range(3)]
        billing = await it.billing("100% us_ed")
        first = await it.connections.list(app="shop", limit=2)
        second = await it.connections.list(app="shop", limit=2, after=first.next)
        assert [one.id for page in (first, second) for one in page] == ids
        assert [one.id for one in await it.connections.list(search="100%")] == [billing]
        assert len(await it.connections.list(search="sh_p")) == 0
        assert len(await it.connections.list(status="disabled")) == 0


@pytest.mark.parametrize("act", ["get", "update", "test", "disable", "enable", "delete"])
async def test_a_connection_that_is_not_there_is_not_found(tmp_path, act):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(NotFound):
            await getattr(it.connections, act)("con_none")


async def test_a_connection_whose_app_cannot_be_used_says_so(database_url):
    async with desk(database_url) as it:
        made = await it.shop()
        it.break_shop()
        shown = await it.connections.get(made)
        assert (shown.status, shown.app_title) == ("needs_attention", "shop")
        assert shown.status_reason == "The app 'shop' cannot be used: it cannot be imported: RuntimeError: no till"
        with pytest.raises(Invalid, match="no till"):
            await it.shop("Other")
