"""Users, settings, the ledger and customers of other systems over the REST API."""

from __future__ import annotations

import asyncio

from affluent.sdk import SyncedRecord
from affluent.store import directory_sync as mirror
from tests.integration.api.client import client
from tests.integration.api.test_api import PAID, is_problem
from tests.integration.services.desk import outbound


async def test_a_person_is_invited_given_a_role_and_shown_the_door(database_url):
    async with client(database_url) as call:
        made = await call("POST", "/users", {"name": "Ada", "email": "Ada@Example.com", "role": "administrator"})
        assert made.status == 201
        assert made.json["link"].startswith("http://127.0.0.1/")
        ada = made.json["person"]["id"]
        assert made.headers["location"] == f"users/{ada}"
        assert (await call("GET", f"/users/{ada}")).json["email"] == "ada@example.com"
        is_problem(await call("PATCH", f"/users/{ada}", {"role": "owner"}), 422)
        is_problem(await call("POST", "/users", {"name": "Ada", "email": "ada@example.com"}), 409)
        assert (await call("PATCH", f"/users/{ada}", {"role": "developer"})).json["role"] == "developer"
        another = (await call("POST", f"/users/{ada}/link")).json["link"]
        assert another != made.json["link"]
        assert (await call("POST", f"/users/{ada}/deactivate")).json["status"] == "deactivated"
        is_problem(await call("POST", f"/users/{ada}/link"), 409)
        assert (await call("POST", f"/users/{ada}/activate")).json["status"] == "invited"
        assert [(p["name"], p["status"]) for p in (await call("GET", "/users")).json["items"]] == [("Ada", "invited")]
        listed = (await call("GET", "/audit?noun=person")).body.decode()
        assert "All" in listed
        assert another.rpartition("/")[2] not in listed


async def test_a_token_makes_nobody_stronger_than_it_is_itself(database_url):
    async with client(database_url) as call:
        owner = await call("POST", "/users", {"name": "Ada", "email": "ada@example.com", "role": "administrator"})
        ada = owner.json["person"]["id"]
        few, more = await call.limited("users:write"), await call.limited("users:write", "*:read")
        for role in ("administrator", "developer", "analyst"):
            refused = await few("POST", "/users", {"name": "Eve", "email": "eve@example.com", "role": role})
            is_problem(refused, 403, field="role")
            is_problem(await few("PATCH", f"/users/{ada}", {"role": role}), 403, field="role")
        is_problem(await more("POST", f"/users/{ada}/link"), 403, field="role")
        eve = await more("POST", "/users", {"name": "Eve", "email": "eve@example.com", "role": "analyst"})
        assert eve.status == 201
        is_problem(await more("PATCH", f"/users/{eve.json['person']['id']}", {"role": "administrator"}), 403)
        assert (await more("POST", f"/users/{eve.json['person']['id']}/link")).status == 200


async def test_a_setting_is_changed_and_reset_and_what_the_environment_sets_stays(database_url):
    async with client(database_url) as call:
        changed = await call("PUT", "/settings/attempts_days", {"value": "60"})
        assert (changed.json["value"], changed.json["source"]) == ("60", "database")
        is_problem(await call("PUT", "/settings/attempts_days", {"value": "many"}), 422, field="attempts_days")
        is_problem(await call("PUT", "/settings/max_body_bytes", {"value": "1"}), 409)
        is_problem(await call("PUT", "/settings/nothing", {"value": "1"}), 404)
        await call("PUT", "/settings/alerts_to", {"value": "https://ops.example.com/secret-part"})
        listed = await call("GET", "/settings")
        assert "secret-part" not in listed.body.decode()
        assert {one["name"]: one["is_set"] for one in listed.json["items"]}["alerts_to"]
        assert (await call("DELETE", "/settings/attempts_days")).json["source"] == "default"


async def test_the_ledger_is_verified_and_a_head_that_is_not_there_is_said(database_url):
    async with client(database_url) as call:
        await call("POST", "/flows", {"definition": outbound(), "publish": True})
        assert (await call("GET", "/ledger/verdict")).json["problem_count"] == 0
        is_problem(await call("GET", "/ledger/verdict?head=nonsense"), 422, field="head")
        lost = (await call("GET", f"/ledger/verdict?head=chn_1={'0' * 64}")).json
        assert lost["problem_count"] == 1, lost


async def test_what_was_synced_for_an_account_and_how_a_connection_fares(database_url):
    async with client(database_url) as call:
        shop = {"app": "shop", "name": "S", "fields": {"key": "good-shop-key", "base_url": call.desk.url}}
        shop = (await call("POST", "/connections", shop)).json["id"]
        billing = {"app": "togai", "name": "B", "fields": {"secret": "x-secret"}}
        billing = (await call("POST", "/connections", billing)).json["id"]
        flow = (await call("POST", "/flows", {"definition": outbound(), "publish": True})).json["flow"]["id"]
        wanted = {"flow_id": flow, "name": "Live", "bindings": {"trigger": billing, "order": shop, "attach": billing}}
        link = (await call("POST", "/flow-connections", wanted)).json["flow_connection"]["id"]
        for number in range(2):
            await call("POST", f"/flow-connections/{link}/trigger", {"payload": {**PAID, "id": f"INV-{number}"}})
        first = (await call("GET", "/accounts/ACC-7/timeline?limit=1")).json
        assert [run["state"] for run in first["items"][0]["runs"]] == ["queued"]
        second = (await call("GET", f"/accounts/ACC-7/timeline?limit=1&after={first['next']}")).json
        assert second["items"][0]["event"]["id"] != first["items"][0]["event"]["id"]
        assert second["next"] == ""
        while not (health := (await call("GET", f"/connections/{shop}/health")).json)["is_complete"]:
            await asyncio.sleep(0)  # what is counted beside the answer holds a connection of the store
        assert len(health["slots"]) == 24
        is_problem(await call("GET", "/connections/con_none/health"), 404)


async def test_customers_of_another_system_are_listed_searched_and_shown(database_url):
    async with client(database_url) as call:
        made = {"app": "togai", "name": "Cloud", "fields": {"secret": "x-secret"}}
        cloud = (await call("POST", "/connections", made)).json["id"]
        account = {"kind": "account", "id": "ACC-1", "customer_id": "CUS-1", "name": "Northwind"}
        seen = [SyncedRecord(kind="customer", id="CUS-1", name="Northwind Labs"), SyncedRecord(**account)]
        await call.desk.database.write(lambda connection: mirror.reflect(connection, cloud, seen))
        listed = (await call("GET", "/mirror/customers?search=north")).json["items"]
        assert [(one["id"], one["source"], one["accounts"][0]["id"]) for one in listed] == [("CUS-1", "Cloud", "ACC-1")]
        assert (await call("GET", "/mirror/customers?search=south")).json["items"] == []
        assert (await call("GET", "/mirror/customers/CUS-1")).json["number"] == 1
        is_problem(await call("GET", "/mirror/customers/CUS-2"), 404)
