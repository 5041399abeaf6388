"""Customers, accounts, aliases and settings: what they keep, what they tell, what they refuse."""

from __future__ import annotations

import pytest

from affluent.kit.jsons import loads
from tests.support.workspace import ACCOUNT, CUSTOMER

SETTING = {"id": "Tier", "value": "gold", "namespace": "USER", "name": "Tier", "dataType": "STRING"}


async def test_a_customer_without_an_account_gets_one_with_its_own_details(desk):
    created = await desk.done("POST", "/customers", {**CUSTOMER, "address": {"city": "Boston"}})
    account = await desk.done("GET", "/accounts/CUS-1")
    assert created["account"]["id"] == account["id"] == account["customerId"] == "CUS-1"
    assert (account["primaryEmail"], account["address"]) == (CUSTOMER["primaryEmail"], {"city": "Boston"})
    assert sorted(await desk.types()) == ["account.created", "customer.created"]


async def test_a_taken_id_is_a_conflict_and_leaves_nothing_behind(desk):
    await desk.customer()
    other = {**CUSTOMER, "id": "CUS-2", "account": ACCOUNT}
    assert (await desk.refused("POST", "/customers", CUSTOMER))[0] == 409
    assert await desk.refused("POST", "/customers", other) == (
        409,
        "id: The account id 'ACC-1' is in use. Choose another one.",
    )
    assert (await desk.refused("GET", "/customers/CUS-2"))[0] == 404


async def test_archiving_a_customer_archives_its_accounts_and_tells_once(desk):
    await desk.customer()
    await desk.done("POST", "/accounts", {"id": "ACC-2", "name": "Second", "customerId": "CUS-1"})
    await desk.done("DELETE", "/customers/CUS-1")
    await desk.done("DELETE", "/customers/CUS-1")
    await desk.done("DELETE", "/accounts/ACC-1")
    assert sorted(row.account_id for row in await desk.events("account.archived")) == ["ACC-1", "ACC-2"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/customers/CUS-1", {"name": "Other name"}),
        ("PATCH", "/accounts/ACC-1", {"name": "Other name"}),
        ("POST", "/accounts", {"id": "ACC-2", "name": "Second", "customerId": "CUS-1"}),
        ("POST", "/accounts/ACC-1/add_aliases", {"aliases": ["northwind"]}),
        ("POST", "/accounts/ACC-1/purchases", {"type": "ASSOCIATION", "pricePlanId": "pp.x"}),
    ],
)
async def test_what_is_archived_does_not_change(desk, method, path, body):
    await desk.customer()
    await desk.done("DELETE", "/customers/CUS-1")
    status, message = await desk.refused(method, path, body)
    assert (status, "archived" in message) == (400, True)


async def test_the_currency_of_an_account_stays(desk):
    await desk.customer()
    await desk.done("PATCH", "/accounts/ACC-1", {"invoiceCurrency": "usd"})
    status, message = await desk.refused("PATCH", "/accounts/ACC-1", {"invoiceCurrency": "EUR"})
    assert (status, message) == (
        400,
        "invoiceCurrency: The currency of an account cannot be changed; it is USD. Create another account.",
    )


async def test_a_change_that_changes_nothing_tells_nothing(desk):
    await desk.customer()
    await desk.done("PATCH", "/accounts/ACC-1", {"name": ACCOUNT["name"], "tags": []})
    await desk.done("PATCH", "/accounts/ACC-1", {})
    assert await desk.events("account.updated") == []


async def test_an_update_names_what_changed(desk):
    await desk.customer()
    body = {"name": "Renamed", "primaryEmail": "ap@northwind.example", "metadata": {"a": "b"}, "netTermDays": 30}
    await desk.done("PATCH", "/accounts/ACC-1", body)
    (event,) = await desk.events("account.updated")
    assert loads(event.payload)["changes"] == ["email", "metadata", "name", "net_term_days"]


async def test_an_alias_belongs_to_one_account(desk):
    await desk.customer()
    await desk.done("POST", "/accounts", {"id": "ACC-2", "name": "Second", "customerId": "CUS-1"})
    await desk.done("POST", "/accounts/ACC-1/add_aliases", {"aliases": ["northwind"]})
    await desk.done("POST", "/accounts/ACC-1/add_aliases", {"aliases": ["northwind"]})
    assert (await desk.refused("POST", "/accounts/ACC-2/add_aliases", {"aliases": ["northwind"]}))[0] == 409
    assert (await desk.refused("POST", "/accounts/ACC-2/remove_aliases", {"aliases": ["northwind"]}))[0] == 404
    many = [f"alias-{number}" for number in range(10)]
    assert "at most 10" in (await desk.refused("POST", "/accounts/ACC-1/add_aliases", {"aliases": many}))[1]
    assert len(await desk.events("account.updated")) == 1


async def test_an_alias_is_ended_at_a_time_or_removed_now(desk):
    await desk.customer(aliases=["northwind", "northwind-2"])
    listed = (await desk.done("GET", "/accounts/ACC-1/account_aliases"))["data"]
    first, second = sorted(listed, key=lambda one: one["value"])
    ends = [{"id": first["id"], "from": "2099-01-01T00:00:00Z"}, {"id": second["id"]}]
    await desk.done("POST", "/accounts/ACC-1/remove_aliases", {"accountAliases": ends})
    (left,) = (await desk.done("GET", "/accounts/ACC-1/account_aliases"))["data"]
    assert (left["value"], left["effectiveUntil"]) == ("northwind", "2099-01-01T00:00:00Z")


@pytest.mark.parametrize("kind", ["CUSTOMER", "ACCOUNT", "INVOICE", "PRICE_PLAN"])
async def test_a_setting_of_something_that_is_not_there_is_refused(desk, kind):
    answer = await desk.refused("POST", "/settings", {**SETTING, "entityType": kind, "entityId": "none"})
    assert answer == (404, f"entityId: There is no {kind} 'none'.")


async def test_settings_are_kept_on_any_entity_and_never_twice(desk):
    await desk.customer()
    invoice = await desk.invoice(10)
    for kind, entity in (("INVOICE", invoice["id"]), ("CUSTOMER", "CUS-1"), ("ORGANIZATION", "acme")):
        body = {**SETTING, "entityType": kind, "entityId": entity}
        await desk.done("POST", "/settings", body)
        assert (await desk.refused("POST", "/settings", body))[0] == 409
    found = await desk.done("GET", "/settings?setting_id=Tier&pageSize=2")
    rest = await desk.done("GET", f"/settings?nextToken={found['nextToken']}")
    assert [one["entityType"] for one in found["data"] + rest["data"]] == ["CUSTOMER", "INVOICE", "ORGANIZATION"]
    full_id = f"setting.USER.Tier.INVOICE.{invoice['id']}"
    assert (await desk.done("PATCH", f"/settings/{full_id}", {"value": "silver"}))["value"] == "silver"
    await desk.done("DELETE", f"/settings/{full_id}")
    assert (await desk.refused("GET", f"/settings/{full_id}"))[0] == 404
    assert (await desk.refused("DELETE", f"/settings/{full_id}"))[0] == 404
    assert (await desk.refused("PATCH", f"/settings/{full_id}", {"value": "x"}))[0] == 404


async def test_a_user_name_is_given_once(desk):
    await desk.customer()
    body = {"name": "Ada", "email": "ada@northwind.example", "preferredUsername": "ada1", "phone": "1" * 30}
    created = await desk.done("POST", "/customers/CUS-1/contacts", body)
    assert "phone" not in created  # longer than the dialect's answers may carry
    assert (await desk.refused("POST", "/customers/CUS-1/contacts", body))[0] == 409
    assert (await desk.refused("POST", "/customers/CUS-2/contacts", body))[0] == 404


async def test_filters_need_not_be_repeated_with_a_token(desk):
    for number in range(4):
        await desk.done("POST", "/customers", {**CUSTOMER, "id": f"CUS-{number}"})
    await desk.done("DELETE", "/customers/CUS-2")
    first = await desk.done("GET", "/customers?status=ACTIVE&pageSize=2")
    second = await desk.done("GET", f"/customers?nextToken={first['nextToken']}")
    assert [one["id"] for one in first["data"] + second["data"]] == ["CUS-3", "CUS-1", "CUS-0"]
    assert second["nextToken"] is None
    assert [one["id"] for one in (await desk.done("GET", "/accounts?status=ARCHIVED"))["data"]] == ["CUS-2"]
    assert [one["id"] for one in (await desk.done("GET", "/customers?id=CUS-1"))["data"]] == ["CUS-1"]


async def test_people_find_a_customer_by_name_email_or_an_accounts_id(desk):
    await desk.customer()
    await desk.done("POST", "/customers", {**CUSTOMER, "id": "CUS-2", "name": "Blue_Harbor", "primaryEmail": ""})
    find = desk.billing.customers.find
    assert [one.id for one in await find(search="NORTHWIND.example")] == ["CUS-1"]
    assert [one.id for one in await find(search="ACC-1")] == ["CUS-1"]
    assert [one.id for one in await find(search="e_h")] == ["CUS-2"]
    assert [one.id for one in await find(search="%")] == []
    page = await find(limit=1)
    assert [one.id for one in await find(limit=1, after=page.next)] == ["CUS-1"]


async def test_a_page_of_people_gets_all_of_an_account_at_once(desk):
    await desk.customer(settings=[SETTING])
    plan = await desk.plan()
    await desk.done("POST", "/accounts/ACC-1/purchases", {"type": "ASSOCIATION", "pricePlanId": plan})
    invoice = await desk.invoice(10, status="PAID")
    detail = await desk.billing.account_detail("ACC-1")
    assert detail.customer.id == "CUS-1"
    assert [one.value for one in detail.account.settings] == ["gold"]
    assert ([one.price_plan_name for one in detail.schedules], detail.account.price_plan_name) == (["Growth"], "Growth")
    assert [one.id for one in detail.invoices] == [invoice["id"]]
    assert (detail.payments, detail.credits, detail.balance.active.minor_units) == ((), (), 0)
    customer = await desk.billing.customer_detail("CUS-1")
    assert [one.id for one in customer.accounts] == ["ACC-1"]
