"""The inbound side over a real store: an app made for these tests, its vendor in memory, no server."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from sqlalchemy import insert, select, update
from starlette.applications import Starlette

from affluent.apps.schedule.schemas import Timetable
from affluent.catalog import Catalog
from affluent.domain.flow import FlowDefinition
from affluent.engine.dispatch.postgres import PgQueue
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.limits import Limiter
from affluent.engine.plans import Plans
from affluent.engine.queue import TableQueue
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads
from affluent.sdk import (
    App,
    AppError,
    Category,
    Context,
    CredentialsModel,
    Incoming,
    Listing,
    Page,
    PollOptions,
    Registered,
    Registration,
    Signed,
    Subject,
    Trigger,
    TriggerKind,
    WebhookScheme,
)
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.inbound.background_jobs import BackgroundJob, BackgroundJobs
from affluent.services.inbound.job_targets import Vendors
from affluent.services.inbound.missed_webhooks import MissedWebhooks
from affluent.services.inbound.polls import BACKFILL, POLL, Polls, Walks
from affluent.services.inbound.schedules import Schedules
from affluent.services.inbound.webhook_registration import WebhookRegistration
from affluent.services.inbound.webhooks import Hooks
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.tables import inbound as tables_inbound
from affluent.vault.envelope import Vault
from affluent.webhooks.receive import hook_routes
from tests.support.engine import create_tables

VAULT = Vault({"test": bytes(32)}, "test")
SECRET = "a-webhook-secret-of-the-tests"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Key(CredentialsModel):
    """Credentials of the test app."""

    key: SecretStr = Field(SecretStr(""), title="Key", description="Any text.")
    webhook_secret: SecretStr = Field(SecretStr(""), title="Webhook secret", description="Any text.")
    previous_webhook_secret: SecretStr | None = Field(None, title="Previous", description="Any text.")


@dataclass
class Vendor:
    """What the vendor has, newest last, and how it behaves."""

    items: list[str] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)
    page_size: int = 3
    errors: list[AppError] = field(default_factory=list)
    asked: list[JSONValue] = field(default_factory=list)
    between: list[Any] = field(default_factory=list)
    """Called one by one before each page: the world moves while we read."""
    may_register: bool = True
    detailed: list[str] = field(default_factory=list)
    webhooks: dict[str, JSONObject] = field(default_factory=dict)
    disabled: bool = False

    def answer(self) -> None:
        """Misbehave as asked."""
        if self.between:
            self.between.pop(0)()
        if self.errors:
            raise self.errors.pop(0)

    def page(self, cursor: JSONValue) -> Page:
        """A page by number, as a vendor without times gives it: every walk begins at the first."""
        self.asked.append(cursor)
        self.answer()
        number = cursor or 0
        found = self.items[number * self.page_size : (number + 1) * self.page_size]
        more = len(found) == self.page_size
        return Page(items=[self.incoming(item) for item in found], cursor=number + 1 if more else None, more=more)

    def incoming(self, item: str, kind: str = "made") -> Incoming:
        """An item as an event."""
        return Incoming(type=kind, external_id=f"{kind}/{item}", payload={"id": item}, occurred_at=self.times.get(item))


def feed(vendor: Vendor) -> App:
    """An app that is polled, lists, has webhooks and registers them."""

    async def poll(_ctx: Context[Key], cursor: JSONValue) -> Page:
        return vendor.page(cursor)

    async def detail(_ctx: Context[Key], item: Incoming) -> Incoming:
        vendor.detailed.append(item.payload["id"])
        return replace(item, payload={**item.payload, "account": f"ACC-{item.payload['id']}"})

    async def since(_ctx: Context[Key], since: datetime, _cursor: JSONValue) -> Page:
        vendor.answer()
        items = [item for item in vendor.items if vendor.times.get(item, EPOCH) >= since]
        return Page(items=[vendor.incoming(item, "told") for item in items])

    async def register(_ctx: Context[Key], url: str, events: Sequence[str]) -> Registered:
        vendor.answer()
        known = next((key for key, hook in vendor.webhooks.items() if hook["url"] == url), None)
        key = known or f"hook-{len(vendor.webhooks) + 1}"
        vendor.webhooks[key] = {"url": url, "events": list(events)}
        return Registered(state={"id": key}, secrets=["made-by-the-vendor"])

    async def unregister(_ctx: Context[Key], state: JSONObject) -> None:
        vendor.answer()
        vendor.webhooks.pop(state["id"], None)

    async def check(_ctx: Context[Key], _state: JSONObject) -> str:
        return "The feed disabled this webhook after too many failures." if vendor.disabled else ""

    app = App(
        key="feed",
        title="Feed",
        description="For tests.",
        category=Category.UTILITY,
        folder=Path(__file__).parent,
        credentials=Key,
        webhook=WebhookScheme(verify=genuine, parse=read),
        registration=Registration(
            register=register,
            unregister=unregister,
            check=check,
            possible=lambda _credentials: vendor.may_register,
            manual="Add {url} under Settings in the feed.",
        ),
    )
    subject = Subject(account="account", title="id", name="name")
    common: dict[str, Any] = {"description": "For tests.", "sample": "", "subject": subject}
    app.triggers_are(
        [
            Trigger(
                key="made", title="Made", kind=TriggerKind.POLL, event="made", poll=poll, options=PollOptions, **common
            ),
            Trigger(key="all", title="All", kind=TriggerKind.MANUAL, event="all", poll=poll, **common),
            Trigger(
                key="change",
                title="Change",
                kind=TriggerKind.INTERNAL,
                event="change",
                poll=poll,
                poll_detail=detail,
                **common,
            ),
            Trigger(key="plain", title="Plain", kind=TriggerKind.MANUAL, event="plain", **common),
            Trigger(
                key="told",
                title="Told",
                kind=TriggerKind.WEBHOOK,
                event="told",
                aliases=("tell",),
                listing=Listing(since=since),
                **common,
            ),
        ]
    )
    return app


def timer() -> App:
    """An app with a schedule."""
    app = App(
        key="timer", title="Timer", description="For tests.", category=Category.UTILITY, folder=Path(__file__).parent
    )
    app.triggers_are(
        [
            Trigger(
                key="due", title="Due", description="For tests.", kind=TriggerKind.SCHEDULE, event="due", sample="",
                options=Timetable, subject=Subject(title="scheduled_at"),
            )
        ]
    )  # fmt: skip
    return app


def genuine(body: bytes, headers: Any, secrets: Sequence[str]) -> Signed | None:
    """The body, if it was signed with one of the secrets."""
    given = headers.get("x-signature", "")
    is_genuine = any(hmac.compare_digest(signature(body, secret), given) for secret in secrets)
    return Signed(content=body) if is_genuine else None


def signature(body: bytes, secret: str = SECRET) -> str:
    """The signature of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read(body: JSONObject, headers: Any) -> Incoming:
    """A webhook's body."""
    if "type" not in body:
        raise ValueError("it has no type")
    return Incoming(type=body["type"], external_id=f"{body['type']}/{body['id']}", payload=body)


@dataclass
class Stand:
    """Everything inbound, with what is behind it."""

    database: Database
    catalog: Catalog
    vendor: Vendor
    intake: Intake
    vendors: Vendors
    background_jobs: BackgroundJobs
    polls: Polls
    hooks: Hooks
    flow_connections: FlowConnections

    async def connect(
        self,
        trigger: str,
        *,
        app: str = "feed",
        enabled: bool = True,
        connection_id: str = "",
        source: str = "",
        **options: JSONValue,
    ) -> str:
        """A flow of one trigger, connected; returns the flow connection's id."""
        if not connection_id and app == "feed":
            connection_id = await self.connection()
        flow_id, link_id, now = new_id("flo"), new_id("fco"), clock.now()
        definition = FlowDefinition.model_validate(
            {"name": "Test flow", "type": "inbound", "trigger": {"app": app, "trigger": trigger, "options": options}}
        )
        values: dict[str, Any] = {
            "id": link_id, "flow_id": flow_id, "name": "Test", "trigger_app": app, "trigger_event": trigger,
            "trigger_source": source or connection_id or link_id, "bindings": {"trigger": connection_id} if connection_id else {},
            "inputs": {}, "enabled": enabled, "hook_token": f"token-{link_id}", "created_at": now, "updated_at": now,
        }  # fmt: skip
        await self.execute(
            insert(tables.flows).values(
                id=flow_id, name="Test flow", description="", type="inbound", visibility="private", version=1,
                created_at=now, updated_at=now,
            ),
            insert(tables.flow_versions).values(
                flow_id=flow_id, number=1, definition=definition.model_dump(mode="json"), author="t", note="", created_at=now
            ),
            insert(tables.flow_connections).values(**values),
        )  # fmt: skip
        return link_id

    async def connection(self, **secrets: str) -> str:
        """A connection of the feed; returns its id."""
        connection_id, now = new_id("con"), clock.now()
        held = dumps({"key": "k", "webhook_secret": SECRET, **secrets}).encode()
        await self.execute(
            insert(tables.connections).values(
                id=connection_id, app="feed", name=connection_id, fields={}, version=1, status="active", status_reason="",
                secrets=VAULT.seal(held, f"connections/{connection_id}"), created_at=now, updated_at=now,
            )
        )  # fmt: skip
        return connection_id

    async def publish(self, link_id: str, trigger: str, **options: JSONValue) -> None:
        """Publish another version of a flow connection's flow."""
        row = await self.link(link_id)
        definition = FlowDefinition.model_validate(
            {"name": "Test flow", "type": "inbound", "trigger": {"app": "feed", "trigger": trigger, "options": options}}
        )
        flow = (await self.rows(select(tables.flows).where(tables.flows.c.id == row.flow_id)))[0]
        await self.execute(
            insert(tables.flow_versions).values(
                flow_id=row.flow_id, number=flow.version + 1, definition=definition.model_dump(mode="json"), author="t",
                note="", created_at=clock.now(),
            ),
            update(tables.flows).where(tables.flows.c.id == row.flow_id).values(version=flow.version + 1),
        )  # fmt: skip

    async def enable(self, link_id: str, *, enabled: bool) -> None:
        """Switch a flow connection on or off."""
        links = tables.flow_connections
        await self.execute(update(links).where(links.c.id == link_id).values(enabled=enabled))

    async def attend(self, *, later: timedelta = timedelta(), by: BackgroundJobs | None = None) -> int:
        """Find duties and do what is due, now or so much later, until nothing is; returns how many slices were done."""
        duties, done = by or self.background_jobs, 0
        if later:
            table = tables_inbound.duties
            rows = await self.rows(select(table).where(table.c.due_at.is_not(None)))
            for row in rows:
                key = (table.c.flow_connection_id == row.flow_connection_id) & (table.c.kind == row.kind)
                await self.execute(update(table).where(key).values(due_at=row.due_at - later))
        await duties.find()
        while taken := await duties.take(8):
            for duty in taken:
                await duties.perform(duty)
            done += len(taken)
        return done

    async def post(
        self,
        link_id: str,
        body: bytes,
        *,
        secret: str = SECRET,
        token: str = "",
        largest: int = 100_000,
        **headers: str,
    ) -> tuple[int, JSONObject]:
        """One webhook, as an ASGI server would hand it in, in parts of 16 KiB; returns status and answer."""
        sent = {
            "x-signature": signature(body, secret),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        path = f"/hooks/{link_id}/{token or f'token-{link_id}'}"
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        }  # fmt: skip
        parts = [body[start : start + 16_384] for start in range(0, len(body), 16_384)] or [b""]
        coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        coming.append({"type": "http.request", "body": b"", "more_body": False})
        got: list[Any] = []

        async def receive() -> Any:
            return coming.pop(0)

        async def send(message: Any) -> None:
            got.append(message)

        await Starlette(routes=hook_routes(self.hooks, max_body_bytes=largest))(scope, receive, send)
        return got[0]["status"], loads(got[1]["body"])

    async def deliveries(self) -> Sequence[Any]:
        """All deliveries."""
        return await self.rows(select(tables.deliveries).order_by(tables.deliveries.c.id))

    async def take(self) -> BackgroundJob:
        """Find duties and take the one that is due."""
        await self.background_jobs.find()
        (duty,) = await self.background_jobs.take(8)
        return duty

    async def duty(self, link_id: str, kind: str) -> Any:
        """A duty's row."""
        table = tables_inbound.duties
        query = select(table).where(table.c.flow_connection_id == link_id, table.c.kind == kind)
        rows = await self.rows(query)
        return rows[0] if rows else None

    async def link(self, link_id: str) -> Any:
        """A flow connection's row."""
        return (await self.rows(select(tables.flow_connections).where(tables.flow_connections.c.id == link_id)))[0]

    async def the_connection(self, link_id: str) -> Any:
        """The row of the connection that a flow connection's trigger uses."""
        connection_id = (await self.link(link_id)).bindings["trigger"]
        return (await self.rows(select(tables.connections).where(tables.connections.c.id == connection_id)))[0]

    async def events(self) -> list[str]:
        """The titles of all events that started a run, in the order of arrival."""
        query = select(tables.events.c.title).join(tables.runs, tables.runs.c.event_id == tables.events.c.id)
        return [row[0] for row in await self.rows(query.order_by(tables.runs.c.id))]

    async def priorities(self) -> list[int]:
        """The priorities of all runs."""
        return [row[0] for row in await self.rows(select(tables.runs.c.priority).order_by(tables.runs.c.id))]

    async def rows(self, query: Any) -> Sequence[Any]:
        """The rows of a query."""
        return await self.database.read(lambda c: c.execute(query).all())

    async def execute(self, *statements: Any) -> None:
        """Execute statements in one transaction."""
        await self.database.write(lambda c: [c.execute(statement) for statement in statements] and None)


@asynccontextmanager
async def stand(url: str, vendor: Vendor | None = None, *, fresh: bool = True) -> AsyncIterator[Stand]:
    """The inbound side over a database; a second one over the same database is another worker."""
    database = open_database(url, Path("unused"))
    if fresh:
        await create_tables(database)
    await database.open()
    vendor = vendor or Vendor()
    catalog = Catalog({app.key: app for app in (feed(vendor), timer())})
    network = Network(allow_private=True, timeout_seconds=5)
    queue = PgQueue() if database.dialect == "postgresql" else TableQueue()
    intake = Intake(queue, FairClock(), lambda: None)
    vendors = Vendors(catalog=catalog, vault=VAULT, network=network, limiter=Limiter(), server_url="http://127.0.0.1:1")
    walks = [Walks(kind, database=database, vendors=vendors, intake=intake) for kind in (POLL, BACKFILL)]
    works = [
        *walks,
        Schedules(database=database, intake=intake),
        MissedWebhooks(database=database, vendors=vendors, intake=intake),
        WebhookRegistration(database=database, vendors=vendors, vault=VAULT, server_url="https://hub.example"),
    ]
    try:
        yield Stand(
            database=database,
            catalog=catalog,
            vendor=vendor,
            intake=intake,
            vendors=vendors,
            background_jobs=BackgroundJobs(database=database, vendors=vendors, works=works),
            polls=Polls(database=database, vendors=vendors),
            hooks=Hooks(database=database, catalog=catalog, vault=VAULT, intake=intake, max_body_bytes=100_000),
            flow_connections=FlowConnections(
                database=database,
                catalog=catalog,
                vault=VAULT,
                plans=Plans(database, catalog.apps, VAULT),
                intake=intake,
                journal=Journal(queue, lambda: None),
                queue=queue,
                server_url="https://hub.example",
            ),
        )
    finally:
        await network.close()
        await database.close()
