"""Customers, accounts and any other call."""

from __future__ import annotations

import pytest

from affluent.apps.togai.tests.small_togai import SmallTogai
from affluent.sdk import AlreadyApplied, AuthFailed, OutcomeUnknown, Rejected
from tests.support.apps import Bench, LocalVendor, Say

CUSTOMER = {"id": "CUS-1", "name": "Northwind", "email": "ada@northwind.example", "address": {"city": "Boston"}}
ACCOUNT = {"id": "ACC-1", "customer_id": "CUS-1", "name": "Northwind", "currency": "usd"}


async def test_an_account_is_read_with_settings_aliases_and_metadata(desk: Bench, togai: SmallTogai) -> None:
    togai.people["accounts/ACC 1"] = {
        "id": "ACC 1", "customerId": "CUS-1", "name": "Northwind", "status": "ACTIVE", "invoiceCurrency": "USD",
        "primaryEmail": None, "aliases": [{"alias": "nw"}], "metadata": {"segment": "smb"},
        "settings": [{"id": "FirstPromoterTid", "value": "t1", "namespace": "USER"}],
    }  # fmt: skip
    found = await desk.run("get_account", {"account_id": "ACC 1"})
    assert (found.account_id, found.customer_id, found.email, found.currency) == ("ACC 1", "CUS-1", "", "USD")
    assert (found.settings, found.aliases, found.metadata) == ({"FirstPromoterTid": "t1"}, ["nw"], {"segment": "smb"})


async def test_accounts_are_listed_page_by_page(desk: Bench, togai: SmallTogai, vendor: LocalVendor) -> None:
    togai.people = {f"accounts/{name}": {"id": name} for name in ("A", "B")}
    first = await desk.run("list_accounts", {})
    second = await desk.run("list_accounts", {"next_token": first.next_token, "status": "ACTIVE", "page_size": 10})
    assert ([item.account_id for item in first.accounts], [item.account_id for item in second.accounts]) == ([], ["A"])
    assert vendor.calls[0].query == {"pageSize": "100"}
    assert vendor.calls[1].query == {"pageSize": "10", "nextToken": "1", "status": "ACTIVE"}


async def test_a_customer_is_created(desk: Bench, vendor: LocalVendor) -> None:
    made = await desk.run("create_customer", CUSTOMER)
    assert vendor.calls[0].body == {
        "id": "CUS-1", "name": "Northwind", "primaryEmail": "ada@northwind.example", "address": {"city": "Boston"},
    }  # fmt: skip
    assert (made.customer_id, made.status) == ("CUS-1", "ACTIVE")


async def test_an_account_is_created(desk: Bench, vendor: LocalVendor) -> None:
    made = await desk.run("create_account", ACCOUNT)
    assert vendor.calls[0].body == {
        "id": "ACC-1", "name": "Northwind", "customerId": "CUS-1", "invoiceCurrency": "USD",
    }  # fmt: skip
    assert (made.account_id, made.currency) == ("ACC-1", "USD")


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize(("action", "given"), [("create_customer", CUSTOMER), ("create_account", ACCOUNT)])
async def test_what_is_there_already_with_the_same_name_counts_as_done(
    desk: Bench, togai: SmallTogai, status: int, action: str, given: dict[str, str]
) -> None:
    made = await desk.run(action, given)
    togai.taken_status = status
    with pytest.raises(AlreadyApplied) as done:
        await desk.run(action, given)
    assert done.value.output == made


@pytest.mark.parametrize(("action", "given"), [("create_customer", CUSTOMER), ("create_account", ACCOUNT)])
async def test_an_id_taken_by_another_is_refused(desk: Bench, action: str, given: dict[str, str]) -> None:
    await desk.run(action, given)
    with pytest.raises(Rejected, match="id is taken"):
        await desk.run(action, {**given, "name": "Southwind"})


async def test_a_refusal_that_has_nothing_to_do_with_the_id_is_handed_on(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["POST customers"] = Say(status=400, body={"message": "address.country is unknown"})
    with pytest.raises(Rejected, match="country is unknown"):
        await desk.run("create_customer", CUSTOMER)


async def test_a_missing_scope_is_told_in_togais_words(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["POST customers"] = Say(status=403, body={"message": "needs the scope customers:write"})
    with pytest.raises(AuthFailed, match="customers:write"):
        await desk.run("create_customer", CUSTOMER)


async def test_any_path_can_be_called(desk: Bench, togai: SmallTogai, vendor: LocalVendor) -> None:
    togai.people["usage_meters/um.1"] = {"id": "um.1"}
    answer = await desk.run("api_call", {"path": "/usage_meters/um.1", "query": {"version": 2}})
    assert (answer.status, answer.body) == (200, {"id": "um.1"})
    assert vendor.calls[0].query == {"version": "2"}


async def test_a_raw_write_without_an_answer_is_unknown(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["POST alerts"] = Say(status=500)
    with pytest.raises(OutcomeUnknown):
        await desk.run("api_call", {"method": "POST", "path": "/alerts", "body": {"a": 1}})
