"""The whole hub with its billing workspace, and the twins of Razorpay and FirstPromoter, in one process on local ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection, Table, or_, select, update
from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.api.togai import togai_routes
from affluent.apps.firstpromoter.twin import FirstPromoterTwin
from affluent.apps.razorpay.twin import RazorpayTwin
from affluent.bootstrap import Hub, build
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads, number
from affluent.sdk.twin import Twin, _Misbehaving
from affluent.server.process import address, bind
from affluent.settings import Settings
from affluent.store import tables
from affluent.store.tables import billing as tables_billing
from affluent.store.tables import inbound as tables_inbound
from affluent.webhooks.receive import hook_routes
from tests.support.serving import served

SECRET = "market-webhook-secret"
UNFINISHED = ("queued", "running", "waiting")


@dataclass
class Market:
    """A seller's hub, and the vendors around it."""

    hub: Hub
    razorpay: RazorpayTwin
    promoter: FirstPromoterTwin
    twins_url: str
    http: aiohttp.ClientSession
    connections: dict[str, str] = field(default_factory=dict)
    togai: Twin = field(default_factory=Twin)
    """The workspace as a vendor: it keeps its own books, but misbehaves like a twin."""

    async def connect(self, **credentials: JSONValue) -> None:
        """Connections to the workspace and to both twins."""
        secret = (await self.hub.tokens.generate(name="Market", scopes=("*:write",), created_by="test")).secret
        self.http.headers["Authorization"] = f"Bearer {secret}"
        fields: dict[str, JSONObject] = {
            "togai": {"secret_key": secret},
            "firstpromoter": {"api_key": "fp_key", "account_id": "a1", "base_url": f"{self.twins_url}/firstpromoter/api/v2"},
            "razorpay": {
                "key_id": "rzp_test_Market0001", "key_secret": "market-key-secret", "webhook_secret": SECRET,
                "base_url": f"{self.twins_url}/razorpay", **credentials,
            },
        }  # fmt: skip
        for app, given in fields.items():
            made = await self.hub.connections.create(app=app, name=app, fields=given)
            await self.hub.connections.set_limit(made.id, requests=1_000, seconds=1)  # nobody waits for a slot here
            self.connections[app] = made.id

    async def enable(self, key: str, **inputs: JSONValue) -> str:
        """Enable a ready-made flow; its webhook is set at Razorpay when it has one. Returns the flow connection's id."""
        definition = next(item for item in self.hub.catalog.public_flows() if item.key == key)
        flow = await self.hub.flows.by_key(key)
        bindings = {step.id: self.connections[step.app] for step in definition.steps}
        if definition.trigger.app in self.connections:
            bindings["trigger"] = self.connections[definition.trigger.app]
        made = await self.hub.flow_connections.create(flow_id=flow.id, name=key, bindings=bindings, inputs=inputs)
        link = made.flow_connection
        if link.webhook_url and not self.razorpay.webhooks.hooks:
            await self.control("webhook", url=link.webhook_url, secret=SECRET)
        return link.id

    async def control(self, name: str, **options: JSONValue) -> JSONObject:
        """One of the controls of Razorpay's twin."""
        async with self.http.post(f"{self.twins_url}/razorpay/_twin/{name}", data=dumps(options)) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def bill(self, method: str, path: str, body: JSONValue = None) -> JSONObject:
        """One call of the billing workspace."""
        url = f"{self.hub.server_url}/togai{path}"
        headers = {"Content-Type": "application/json"}
        async with self.http.request(
            method, url, data=dumps(body) if body is not None else None, headers=headers
        ) as answer:
            text = await answer.read()
            assert answer.status < 400, text.decode()
            return loads(text) if text else {}

    async def account(self, number_: int = 1, *, tid: str = "", currency: str = "INR") -> str:
        """A customer with an account, referred or not."""
        setting = {"id": "FirstPromoterTid", "value": tid, "namespace": "USER", "name": "Visitor", "dataType": "STRING"}
        account = {
            "id": f"ACC-{number_}", "name": f"Northwind {number_}", "invoiceCurrency": currency,
            "primaryEmail": f"billing{number_}@northwind.example", "settings": [setting] if tid else [],
        }  # fmt: skip
        customer = {
            "id": f"CUS-{number_}",
            "name": f"Northwind {number_}",
            "primaryEmail": account["primaryEmail"],
            "address": {},
        }
        await self.bill("POST", "/customers", {**customer, "account": account})
        await self.settle()
        return str(account["id"])

    async def invoice(self, account_id: str, amount: str = "2499.00", *, key: str = "1") -> str:
        """An invoice that is due; its id."""
        body = {
            "accountId": account_id, "startDate": "2026-11-01", "endDate": "2026-11-30", "status": "DUE",
            "idempotencyKey": f"{account_id}-{key}",
            "lineItems": [{"description": "Growth, one month", "value": number(amount)}],
        }  # fmt: skip
        invoice = await self.bill("POST", "/invoices", body)
        await self.settle()
        return str(invoice["id"])

    async def plan(self, name: str = "Partner") -> str:
        """An active price plan."""
        details = {"supportedCurrencies": ["INR", "USD"]}
        plan = await self.bill("POST", "/price_plans", {"name": name, "type": "BILLING", "pricePlanDetails": details})
        await self.bill("POST", f"/price_plans/{plan['id']}/activate", {})
        return name

    async def settings(self) -> dict[str, str]:
        """All settings of the workspace by id; the tests have one of each."""
        return {row.id: row.value for row in await self.rows(tables_billing.settings)}

    async def payments(self) -> list[tuple[str, Decimal]]:
        """Transaction number and amount of every recorded payment."""
        page = await self.bill("GET", "/payments")
        return [
            (item["externalPaymentReferences"]["transactionNumber"], Decimal(str(item["totalAmount"])))
            for item in page["data"]
        ]

    async def status(self, invoice_id: str) -> str:
        """How an invoice stands."""
        return str((await self.bill("GET", f"/invoices/{invoice_id}"))["status"])

    async def sweep(self) -> None:
        """Let the hub look for what webhooks did not deliver, as if it had watched for two days."""
        long_ago = clock.now() - timedelta(days=2)
        table = tables_inbound.duties
        await self.hub.background_jobs.find()
        overdue = (
            update(table)
            .where(table.c.kind == "gaps")
            .values(due_at=long_ago, created_at=long_ago, cursor={"walked": long_ago.isoformat()})
        )
        await self.hub.database.write(lambda connection: connection.execute(overdue))
        for duty in await self.hub.background_jobs.take(8):
            await self.hub.background_jobs.perform(duty)
        await self.settle()

    async def settle(self, seconds: float = 20) -> None:
        """Wait until no run is queued, running or waiting, and nothing is to be taken up again; held runs may wait on."""
        runs = tables.runs.c

        def unfinished(connection: Connection) -> bool:
            moves = or_(runs.cause != "held", runs.due_at <= clock.now())
            return connection.execute(select(runs.id).where(runs.state.in_(UNFINISHED), moves)).first() is not None

        async with asyncio.timeout(seconds):
            while await self.hub.taking_up.sweep() or await self.hub.database.read(unfinished):
                await asyncio.sleep(0.02)

    async def rows(self, table: Table) -> list[Any]:
        """All rows of a table."""
        return list(await self.hub.database.read(lambda connection: connection.execute(select(table)).all()))

    async def ends(self) -> list[tuple[str, str]]:
        """State and sentence of every run, oldest first."""
        rows = await self.rows(tables.runs)
        return [(row.state, row.sentence) for row in sorted(rows, key=lambda row: row.id)]


@asynccontextmanager
async def market(data_dir: Path, database_url: str = "") -> AsyncIterator[Market]:
    """A hub with an empty store, and fresh twins."""
    razorpay, promoter, togai = RazorpayTwin(), FirstPromoterTwin(), Twin()
    twins = Starlette(routes=[Mount(f"/{twin.key}", twin.application()) for twin in (razorpay, promoter)])
    sock = bind("127.0.0.1", 0)
    settings = Settings(data_dir=data_dir, allow_private_addresses=True, database_url=database_url, settle_seconds=0)
    hub = build(settings, own_url=address(sock))
    own = Starlette(
        routes=[
            *hook_routes(hub.hooks, max_body_bytes=settings.max_body_bytes),
            Mount("/togai", _Misbehaving(togai_routes(hub.billing, hub.authorise), togai)),
        ]
    )
    await hub.open()
    await hub.dispatcher.start()
    try:
        async with served(own, sock), served(twins) as url, aiohttp.ClientSession() as http:
            yield Market(hub, razorpay, promoter, url, http, togai=togai)
    finally:
        await hub.dispatcher.stop()
        await hub.close()
