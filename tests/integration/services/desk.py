"""All services over a real store, with apps made for these tests and their vendor on a local port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import Field, SecretStr
from sqlalchemy import Connection, insert, select

from affluent.catalog import BrokenApp, Catalog
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.limits import Limiter
from affluent.engine.plans import Plans
from affluent.engine.queue import TableQueue
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject
from affluent.sdk import (
    App,
    Category,
    Context,
    CredentialsModel,
    Effect,
    InputModel,
    Misconfigured,
    OutputModel,
    Subject,
    Trigger,
    TriggerKind,
    WebhookScheme,
)
from affluent.services.connections.service import Connections
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.preview import Preview
from affluent.services.flows.service import Flows
from affluent.services.identity.tokens import Tokens
from affluent.store import tables
from affluent.store.bulk import Row
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.postgres import PostgresDatabase
from affluent.store.sqlite import SqliteDatabase
from affluent.vault.envelope import Vault
from tests.support.serving import answering

APPS = Path(__file__).parent / "apps"
SERVER = "http://127.0.0.1:8080"


class ShopKey(CredentialsModel):
    """Credentials of the shop."""

    base_url: str = Field("http://shop.example", title="Base URL", description="Where the shop answers.")
    key: SecretStr = Field(title="Key", description="From the shop's dashboard.")
    signing: SecretStr | None = Field(None, title="Signing secret", description="Optional.")


class BillingKey(CredentialsModel):
    """Credentials of the billing app."""

    base_url: str = Field("", title="Base URL", description="Empty: this server's workspace.")
    secret: SecretStr = Field(title="Secret key", description="An API token.")


class Order(InputModel):
    """Input of the shop's order."""

    id: str = Field(title="Id", description="Id of the order.")
    amount: int = Field(title="Amount", description="Minor units.")
    currency: str = Field("USD", title="Currency", description="ISO 4217.")


class Receipt(OutputModel):
    """What the shop answers."""

    receipt: str


class Plan(InputModel):
    """Input of attach."""

    plan: str = Field(title="Plan", description="Id of the plan.")


class Paid(OutputModel):
    """Payload of invoice.paid."""

    id: str
    net: str
    currency: str
    account: dict[str, Any]


class Nothing(InputModel):
    """No input."""


def shop() -> App:
    """An app with credentials, a test, a webhook trigger and three actions."""
    app = App(
        key="shop",
        title="Shop",
        description="Sells.",
        category=Category.UTILITY,
        folder=APPS / "shop",
        credentials=ShopKey,
        base_url=lambda credentials, _server: credentials.base_url,
        headers=lambda credentials: {"Authorization": f"Bearer {credentials.key.get_secret_value()}"},
        webhook=WebhookScheme(verify=lambda *_: True, parse=lambda *_: None, secret_field="signing"),  # type: ignore[arg-type, return-value]  # never called here
    )

    @app.test
    async def prove(ctx: Context[ShopKey]) -> str:
        answer = (await ctx.http.request("GET", "/me")).json()
        if not isinstance(answer, dict):
            raise Misconfigured("This is not the shop's address.", field="base_url")
        return f"Signed in as {answer['name']}."

    @app.action(
        "order", title="Order", effect=Effect.IDEMPOTENT_WRITE, sample="order.json", money=("amount", "currency")
    )
    async def order(ctx: Context[ShopKey], given: Order) -> Receipt:
        """Place an order."""
        answer = await ctx.http.request("POST", "/orders", json={**given.model_dump(), "key": ctx.effect_key})
        return Receipt.model_validate(answer.json())

    @app.action("note", title="Note", effect=Effect.WRITE, sample="order.json")
    async def note(ctx: Context[ShopKey], _given: Nothing) -> None:
        """Write a note."""
        await ctx.http.request("POST", "/notes")

    app.triggers_are(
        [
            Trigger(
                key="sold",
                title="Sold",
                description="Something was sold.",
                kind=TriggerKind.WEBHOOK,
                event="order.sold",
                sample="sold.json",
                subject=Subject(account="buyer", title="id", amount="total", currency="currency"),
            )
        ]
    )
    return app


def togai() -> App:
    """An app that may point at this server's own workspace."""
    app = App(
        key="togai",
        title="Billing",
        description="Bills.",
        category=Category.BILLING,
        folder=APPS / "togai",
        credentials=BillingKey,
        base_url=lambda credentials, server: credentials.base_url or f"{server}/togai",
        headers=lambda credentials: {"Authorization": f"Bearer {credentials.secret.get_secret_value()}"},
        is_local=lambda credentials: not credentials.base_url,
    )

    @app.action("attach", title="Attach", effect=Effect.IDEMPOTENT_WRITE, sample="attach.json")
    async def attach(ctx: Context[BillingKey], given: Plan) -> None:
        """Attach a plan."""
        await ctx.http.request("POST", "/plans", form={"plan": given.plan})

    app.triggers_are(
        [
            Trigger(
                key="invoice_paid",
                title="Invoice paid",
                description="An invoice was paid.",
                kind=TriggerKind.INTERNAL,
                event="invoice.paid",
                sample="invoice_paid.json",
                output=Paid,
                subject=Subject(account="account.id", title="id", amount="net", currency="currency"),
            ),
            Trigger(
                key="invoice_made",
                title="Invoice made",
                description="An invoice was made.",
                kind=TriggerKind.INTERNAL,
                event="invoice.generated",
                sample="invoice_paid.json",
            ),
        ]
    )
    return app


def bell() -> App:
    """An app without credentials whose webhooks are signed with the flow connection's own secret."""
    app = App(
        key="bell",
        title="Bell",
        description="Rings.",
        category=Category.UTILITY,
        folder=APPS / "bell",
        webhook=WebhookScheme(verify=lambda *_: True, parse=lambda *_: None, secret_field=""),  # type: ignore[arg-type, return-value]  # never called here
    )

    @app.action("ring", title="Ring", effect=Effect.READ, sample="ring.json")
    async def ring(_ctx: Context[ShopKey], _given: Nothing) -> Receipt:
        """Ring."""
        return Receipt(receipt="rang")

    app.triggers_are(
        [
            Trigger(
                key="pressed",
                title="Pressed",
                description="It was pressed.",
                kind=TriggerKind.WEBHOOK,
                event="pressed",
                sample="pressed.json",
            )
        ]
    )
    return app


@dataclass
class Vendor:
    """The shop's server: knows one key and counts calls."""

    key: str = "good-shop-key"
    status: int = 200
    calls: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        self.calls.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"message": "unknown key"}, status=401)
        if self.status != 200:
            return web.json_response({"message": "out of order"}, status=self.status)
        return web.json_response({"name": "Ada", "receipt": "r-1"})


@dataclass
class RecordingQueue(TableQueue):
    """Remembers which runs were put."""

    put_ids: list[str] = field(default_factory=list)

    def put(self, connection: Connection, runs: Sequence[Row]) -> None:
        """Remember."""
        self.put_ids += [run["id"] for run in runs]


@dataclass
class Desk:
    """The services with what is behind them."""

    database: Database
    catalog: Catalog
    vault: Vault
    queue: RecordingQueue
    vendor: Vendor
    url: str
    woken: list[bool]
    tokens: Tokens
    connections: Connections
    flows: Flows
    flow_connections: FlowConnections
    preview: Preview

    async def rows(self, table: Any) -> Sequence[Any]:
        """All rows of a table."""
        return await self.database.read(lambda c: c.execute(select(table)).all())

    def break_shop(self) -> None:
        """From now on the shop's app is installed, but cannot be imported."""
        catalog: Any = self.catalog
        del catalog.apps["shop"]
        catalog.broken.append(
            BrokenApp(
                key="shop", package="shop 1.0, shop.app:app", error="it cannot be imported: RuntimeError: no till"
            )
        )

    async def shop(self, name: str = "Main shop", **fields: Any) -> str:
        """A connection of the shop; returns its id."""
        entered = {"base_url": self.url, "key": "good-shop-key", **fields}
        return (await self.connections.create(app="shop", name=name, fields=entered)).id

    async def billing(self, name: str = "Workspace", **fields: Any) -> str:
        """A connection of the billing app; returns its id."""
        return (await self.connections.create(app="togai", name=name, fields={"secret": "a-secret", **fields})).id

    async def flow(self, **changes: Any) -> str:
        """A published private flow; returns its id."""
        return (await self.flows.create(outbound(**changes), publish=True)).flow.id

    async def paused_run(self, connection_id: str, *, ready: bool = True) -> str:
        """A run that waits for a connection; returns its id."""
        run_id, now = new_id("run"), clock.now()
        values = {
            "id": run_id, "event_id": "evt_1", "flow_id": "flo_1", "flow_version": 1, "flow_connection_id": "fco_1",
            "state": "paused", "ready": ready, "priority": 0, "rank": 1, "ordering_key": run_id, "event_at": now,
            "due_at": now, "lease": 1, "position": 0, "tries": 0, "account_id": "", "title": "", "cancel": False,
            "sentence": "Waits.", "cause": "auth_failed", "waits_for": connection_id, "created_at": now,
        }  # fmt: skip
        await self.database.write(lambda c: c.execute(insert(tables.runs).values(**values)))
        return run_id


def outbound(**changes: Any) -> JSONObject:
    """A flow: when an invoice is paid, order at the shop, then attach a plan."""
    return {
        "name": "Order on payment",
        "type": "outbound",
        "trigger": {"app": "togai", "trigger": "invoice_paid"},
        "steps": [
            {
                "id": "order",
                "app": "shop",
                "action": "order",
                "inputs": {"id": "{{ trigger.id }}", "amount": "{{ minor_units(trigger.net, trigger.currency) }}"},
            },
            {"id": "attach", "app": "togai", "action": "attach", "inputs": {"plan": "{{ steps.order.receipt }}"}},
        ],
        **changes,
    }


@asynccontextmanager
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """All services, with the shop's server running."""
    database = open_database(database_url, Path("unused"))
    await _create_tables(database)
    await database.open()
    vendor, queue, woken = Vendor(), RecordingQueue(), []
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", vendor.answer)
    catalog = Catalog({app.key: app for app in (shop(), togai(), bell())}, broken=[])
    vault = Vault({"test": bytes(32)}, "test")
    network, plans = Network(allow_private=True, timeout_seconds=5), Plans(database, catalog.apps, vault)

    def wake() -> None:
        woken.append(True)

    common = {"database": database, "catalog": catalog, "vault": vault, "plans": plans}
    try:
        async with answering(server) as url:
            yield Desk(
                database=database,
                catalog=catalog,
                vault=vault,
                queue=queue,
                vendor=vendor,
                url=url,
                woken=woken,
                tokens=Tokens(database=database),
                connections=Connections(
                    **common, queue=queue, network=network, limiter=Limiter(), wake=wake, server_url=SERVER
                ),
                flows=Flows(**common),
                flow_connections=FlowConnections(
                    **common,
                    intake=Intake(queue, FairClock(), wake),
                    journal=Journal(queue, wake),
                    queue=queue,
                    server_url=SERVER,
                ),
                preview=Preview(database=database, catalog=catalog, vault=vault, server_url=SERVER),
            )
    finally:
        await network.close()
        await database.close()


async def _create_tables(database: Database) -> None:
    if isinstance(database, SqliteDatabase):
        tables.metadata.create_all(database.engine)
    elif isinstance(database, PostgresDatabase):
        async with database.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
