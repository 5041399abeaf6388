"""The ready-made flows of the everyday apps: a change in billing becomes an e-mail and a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.apps.slack.twin import SlackTwin
from affluent.apps.smtp.tests.mail_server import PASSWORD, USER, mail_server
from tests.support.apps import served
from tests.support.product import Outside, product

CUSTOMER = {
    "id": "CUS-1", "name": "Northwind Labs", "primaryEmail": "ada@northwind.example", "address": {},
    "account": {"id": "ACC-1", "name": "Northwind Labs", "invoiceCurrency": "KWD"},
}  # fmt: skip


async def invoice(outside: Outside, value: Any) -> Any:
    """An invoice that is due."""
    body = {
        "accountId": "ACC-1", "startDate": "2026-07-01T00:00:00Z", "endDate": "2026-07-31T00:00:00Z", "status": "DUE",
        "lineItems": [{"description": "Growth, July", "value": value}],
    }  # fmt: skip
    return await outside.togai("POST", "/invoices", body)


async def test_an_invoice_is_emailed_to_the_customer_once(tmp_path: Path) -> None:
    async with mail_server() as post, product("", tmp_path) as outside:
        togai = await outside.connection("togai", secret_key=outside.token)
        smtp = await outside.connection(
            "smtp", host="127.0.0.1", port=post.port, security="none", username=USER, password=PASSWORD,
            sender="billing@example.com",
        )  # fmt: skip
        link = await outside.switched_on(
            "email_invoice_to_customer", {"reply_to": "help@example.com"}, trigger=togai, email=smtp
        )
        await outside.togai("POST", "/customers", CUSTOMER)
        await invoice(outside, 741.255)
        run = await outside.ended_run(link)
    assert run["state"] == "succeeded", run
    [(sender, recipients, text)] = post.sent
    assert (sender, recipients) == ("billing@example.com", ["ada@northwind.example"])
    assert "Growth, July: KWD 741.255" in text
    assert "Reply-To: help@example.com" in text
    assert "Thank you for your business." in text


async def test_new_accounts_and_large_invoices_are_announced_in_slack(tmp_path: Path) -> None:
    twin = SlackTwin()
    outside_world = Starlette(routes=[Mount(f"/{twin.key}", twin.application())])
    async with served(outside_world) as url, product("", tmp_path) as outside:
        togai = await outside.connection("togai", secret_key=outside.token)
        slack = await outside.connection("slack", webhook_url=f"{url}/slack/services/T/B/channel")
        accounts = await outside.switched_on("notify_slack_of_new_accounts", trigger=togai, message=slack)
        await outside.togai("POST", "/customers", CUSTOMER)
        announced = await outside.ended_run(accounts)
        wanted = {"minimum": "100"}
        invoices = await outside.switched_on("notify_slack_of_due_invoices", wanted, trigger=togai, message=slack)
        await invoice(outside, 99.999)
        small = await outside.ended_run(invoices)
    assert (announced["state"], small["state"]) == ("succeeded", "skipped")
    assert twin.messages["channel"] == [{"text": "New account *Northwind Labs* (ACC-1), billed in KWD."}]
