"""A flow made in Togai's own UI posts to a flow connection here: its own secret, its own body, its own runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.product import Outside, product

BODY = {"kind": "created", "subject": {"ref": "ACC-1"}}
CUSTOMER = {
    "id": "CUS-1", "name": "Northwind Labs", "primaryEmail": "ada@northwind.example", "address": {},
    "account": {"id": "ACC-1", "name": "Northwind Labs", "invoiceCurrency": "USD"},
}  # fmt: skip


async def listening(outside: Outside, name: str, togai: str) -> tuple[str, str, str]:
    """A flow that reads the account a webhook names: flow connection, address and secret."""
    step = {
        "id": "account",
        "app": "togai",
        "action": "get_account",
        "inputs": {"account_id": "{{ trigger.subject.ref }}"},
    }
    trigger = {"app": "togai", "trigger": "webhook_received"}
    definition = {"name": name, "type": "outbound", "trigger": trigger, "steps": [step]}
    flow = await outside.api("POST", "/flows", {"definition": definition, "publish": True})
    wanted = {"flow_id": flow["flow"]["id"], "name": name, "bindings": {"trigger": togai, "account": togai}}
    made = await outside.api("POST", "/flow-connections", wanted)
    link = made["flow_connection"]
    return link["id"], link["webhook_url"], made["hook_secret"]


async def sent(outside: Outside, url: str, secret: str) -> tuple[int, Any]:
    """The webhook, with its secret in a header."""
    async with outside.session.post(url, json=BODY, headers={"X-Webhook-Secret": secret}) as answer:
        return answer.status, await answer.json()


async def test_each_flow_connection_has_its_own_address_secret_and_events(tmp_path: Path) -> None:
    async with product("", tmp_path) as outside:
        await outside.togai("POST", "/customers", CUSTOMER)
        togai = await outside.connection("togai", secret_key=outside.token)
        first, first_url, first_secret = await listening(outside, "First", togai)
        second, second_url, second_secret = await listening(outside, "Second", togai)
        assert (await sent(outside, first_url, second_secret))[0] == 401
        assert [(await sent(outside, first_url, first_secret))[1]["new"] for _ in range(2)] == [True, False]
        run = await outside.ended_run(first)
        assert (run["state"], (await outside.api("GET", f"/runs?flow_connection_id={second}"))["items"]) == (
            "succeeded",
            [],
        )
        assert (await sent(outside, second_url, second_secret))[1]["new"] is True
        assert (await outside.ended_run(second))["state"] == "succeeded"


async def test_what_arrived_is_offered_as_a_sample_for_the_mapping(tmp_path: Path) -> None:
    async with product("", tmp_path) as outside:
        togai = await outside.connection("togai", secret_key=outside.token)
        _, url, secret = await listening(outside, "First", togai)
        assert (await sent(outside, url, secret))[0] == 200
        (event,) = (await outside.api("GET", "/events?app=togai&type=webhook.received"))["items"]
        assert (await outside.api("GET", f"/events/{event['id']}"))["payload"] == BODY
