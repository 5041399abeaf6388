"""Who may only read sees nothing that suffices to post an event: not the address of a hook, not a signature."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.webhook.signature import plain
from affluent.kit.jsons import loads
from affluent.services.identity.roles import Role
from tests.integration.security.callers import callers

DEFINITION = {
    "name": "From a webhook",
    "type": "inbound",
    "trigger": {"app": "webhook", "trigger": "received"},
    "steps": [{"id": "wait", "app": "flow_control", "action": "delay", "inputs": {"minutes": 1}}],
}
FROM_FIRSTPROMOTER = {**DEFINITION, "trigger": {"app": "firstpromoter", "trigger": "commission_updated"}}


async def test_the_address_of_a_hook_is_shown_to_those_who_may_change_flows(database_url: str, tmp_path: Path) -> None:
    async with callers(tmp_path, database_url=database_url) as it:
        flow = await it.hub.flows.create(DEFINITION, publish=True)
        made = await it.hub.flow_connections.create(flow_id=flow.flow.id, name="Production")
        link = made.flow_connection
        token = link.webhook_url.rpartition("/")[2]
        reads, writes = await it.token("*:read"), await it.token("flows:write")
        for path in ("/flow-connections", f"/flow-connections/{link.id}", f"/flow-connections/{link.id}/duties"):
            answer = await it.call(f"GET /api/v1{path}", reads)
            assert answer.status == 200
            assert token not in answer.text
        assert token in (await it.call(f"GET /api/v1/flow-connections/{link.id}", writes)).text
        page = f"/flows/{link.flow_id}/connections"
        assert token not in (await it.people[Role.ANALYST].get(page)).text
        assert token in (await it.people[Role.DEVELOPER].get(page)).text


async def test_the_signatures_of_deliveries_are_shown_to_nobody(tmp_path: Path) -> None:
    async with callers(tmp_path) as it:
        flow = await it.hub.flows.create(DEFINITION, publish=True)
        made = await it.hub.flow_connections.create(flow_id=flow.flow.id, name="Production")
        token = made.flow_connection.webhook_url.rpartition("/")[2]
        signature = plain(b"{}", made.hook_secret)
        headers = {"x-hub-signature-256": signature, "webhook-signature": signature, "x-trace": "t-1"}
        await it.hub.hooks.receive(made.flow_connection.id, token, b"{}", headers)
        answer = await it.call("GET /api/v1/deliveries", await it.token("*:read"))
        page = await it.people[Role.ANALYST].get("/activity/deliveries")
        assert signature not in answer.text + page.text
        assert loads(answer.body)["items"][0]["headers"]["x-trace"] == "t-1"


async def test_a_hook_without_a_secret_says_what_becomes_of_its_webhooks(tmp_path: Path) -> None:
    async with callers(tmp_path) as it:
        flow = await it.hub.flows.create(FROM_FIRSTPROMOTER, publish=True)
        notices = []
        for fields in ({"account_id": "acc_1"}, {}, {"webhook_secret": "a-secret-of-the-webhook"}):
            connection = await it.hub.connections.create(
                app="firstpromoter",
                name=f"Of {len(fields)} {fields}",
                fields={"api_key": "k", **fields},
                skip_test=True,
            )
            made = await it.hub.flow_connections.create(
                flow_id=flow.flow.id, name=connection.name, bindings={"trigger": connection.id}
            )
            notices.append(made.flow_connection.webhook_notice)
        page = await it.people[Role.ANALYST].get(f"/flows/{flow.flow.id}/connections")
        assert notices[0].startswith("Every webhook is refused")
        assert notices[1].startswith(
            "There is no webhook secret: only the events are taken that FirstPromoter cannot sign"
        )
        assert notices[2] == ""
        assert notices[0] in page.words


async def test_a_refused_delivery_shows_its_reason(tmp_path: Path) -> None:
    async with callers(tmp_path) as it:
        flow = await it.hub.flows.create(DEFINITION, publish=True)
        made = await it.hub.flow_connections.create(flow_id=flow.flow.id, name="Production")
        token = made.flow_connection.webhook_url.rpartition("/")[2]
        refused = await it.hub.hooks.receive(made.flow_connection.id, token, b"{}", {"content-encoding": "br"})
        answer = loads((await it.call("GET /api/v1/deliveries", await it.token("*:read"))).body)["items"][0]
        page = await it.people[Role.ANALYST].get("/activity/deliveries")
        assert (answer["verdict"], answer["detail"]) == ("unknown_encoding", refused.body["message"])
        assert "The body has the content encoding 'br'" in page.words
