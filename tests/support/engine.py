"""An engine over a real store with an app made for tests; no vendor, no HTTP server unless asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from sqlalchemy import Connection, insert, select

from affluent.domain.event import EventDraft, Priority
from affluent.domain.flow import FlowDefinition
from affluent.engine.circuit_breaker import CircuitBreaker
from affluent.engine.dispatch.embedded import EmbeddedDispatcher
from affluent.engine.dispatch.postgres import PgQueue, PostgresDispatcher
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.limits import Limiter
from affluent.engine.plans import Plans
from affluent.engine.queue import TableQueue
from affluent.engine.run import Executor
from affluent.engine.step import StepRunner
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.sdk import (
    FOREVER,
    App,
    Category,
    Context,
    CredentialsModel,
    Effect,
    InputModel,
    OutputModel,
    Trigger,
    TriggerKind,
)
from affluent.services.runs.service import Runs
from affluent.store import tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.postgres import PostgresDatabase
from affluent.store.schema.upgrade import install_queue
from affluent.store.sqlite import SqliteDatabase
from affluent.vault.envelope import Vault

VAULT = Vault({"test": bytes(32)}, "test")


class Credentials(CredentialsModel):
    """Credentials of the test app."""

    key: SecretStr = Field(SecretStr(""), title="Key", description="Any text.")


class Sale(InputModel):
    """Input of the test app's actions."""

    id: str = Field(title="Id", description="Id of the sale.")
    amount: int = Field(1, title="Amount", description="Minor units.")
    currency: str = Field("USD", title="Currency", description="ISO 4217.")
    owner: str | None = Field(None, title="Owner", description="Whose sale it is.")
    email: str | None = Field(None, title="E-mail", description="Of the owner.")
    note: str | None = Field(None, title="Note", description="Any text.")


class Receipt(OutputModel):
    """Output of the test app's actions."""

    receipt: str


@dataclass
class Vendor:
    """A vendor in memory. `behave` may raise or wait before the books are written, `after` when they are."""

    books: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    behave: Callable[[str, str], Awaitable[None]] | None = None
    after: Callable[[str, str], Awaitable[None]] | None = None
    url: str = ""
    """Where it answers over HTTP, in tests that need lost answers."""

    async def apply(self, action: str, sale: Sale) -> Receipt:
        """Write to the books, with the misbehaviour asked for."""
        self.calls.append((action, sale.id))
        if self.behave is not None:
            await self.behave(action, sale.id)
        self.books[f"{action}:{sale.id}"] = self.books.get(f"{action}:{sale.id}", 0) + 1
        if self.after is not None:
            await self.after(action, sale.id)
        return Receipt(receipt=f"r-{sale.id}")


def shop(vendor: Vendor) -> App:
    """An app with one action of every kind of effect."""
    app = App(
        key="shop",
        title="Shop",
        description="For tests.",
        category=Category.UTILITY,
        folder=Path(__file__).parent,
        credentials=Credentials,
    )

    async def find(_ctx: Context[Credentials], sale: Sale) -> Receipt | None:
        """Whether the sale is in the books."""
        return Receipt(receipt=f"r-{sale.id}") if f"write:{sale.id}" in vendor.books else None

    @app.action("read", title="Read", effect=Effect.READ, sample="")
    async def read(_ctx: Context[Credentials], sale: Sale) -> Receipt:
        """Read."""
        return Receipt(receipt=f"r-{sale.id}")

    @app.action("put", title="Put", effect=Effect.IDEMPOTENT_WRITE, sample="", money=("amount", "currency"))
    async def put(_ctx: Context[Credentials], sale: Sale) -> Receipt:
        """Write under a key."""
        return await vendor.apply("put", sale)

    @app.action(
        "keyed",
        title="Keyed",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="",
        key_field="id",
        key_lasts=FOREVER,
        same=(("owner", "email"),),
        money=("amount", "currency"),
    )
    async def keyed(_ctx: Context[Credentials], sale: Sale) -> Receipt:
        """Write under the vendor's own key."""
        return await vendor.apply("keyed", sale)

    @app.action("write", title="Write", effect=Effect.WRITE, sample="", look_up=find)
    async def write(_ctx: Context[Credentials], sale: Sale) -> Receipt:
        """Write with a look-up."""
        return await vendor.apply("write", sale)

    @app.action("blind", title="Blind", effect=Effect.WRITE, sample="")
    async def blind(_ctx: Context[Credentials], sale: Sale) -> Receipt:
        """Write without a look-up."""
        return await vendor.apply("blind", sale)

    async def post(ctx: Context[Credentials], _sale: Sale) -> Receipt:
        """Write over HTTP."""
        await ctx.http.request("POST", vendor.url, headers={"Idempotency-Key": ctx.effect_key})
        return Receipt(receipt="posted")

    facts: dict[str, JSONObject] = {
        "post": {"key_lasts": timedelta(hours=24)},
        "post_lasting": {"key_lasts": FOREVER},
        "post_kept": {"key_lasts": FOREVER, "keeps_failures": True},
        "post_found": {"key_lasts": timedelta(hours=24), "look_up": find},
    }
    for key, said in facts.items():
        app.action(key, title=key, effect=Effect.IDEMPOTENT_WRITE, sample="", **said)(post)

    app.triggers_are(
        [Trigger(key="sold", title="Sold", description="Sold.", kind=TriggerKind.WEBHOOK, event="sold", sample="")]
    )
    return app


@dataclass
class Engine:
    """The engine's parts."""

    database: Database
    intake: Intake
    journal: Journal
    plans: Plans
    executor: Executor
    dispatcher: Any
    runs: Runs
    vendor: Vendor
    connection_id: str = ""

    async def flow(self, *steps: Mapping[str, JSONValue], name: str = "Test flow") -> str:
        """A connected flow of shop actions; returns the flow connection's id."""
        definition = FlowDefinition.model_validate(
            {"name": name, "type": "inbound", "trigger": {"app": "shop", "trigger": "sold"}, "steps": list(steps)}
        )
        flow_id, link_id = new_id("flo"), new_id("fco")
        await self.database.write(lambda c: self._insert(c, definition, flow_id, link_id))
        return link_id

    def _insert(self, connection: Connection, definition: FlowDefinition, flow_id: str, link_id: str) -> None:
        now = clock.now()
        if not self.connection_id:
            self.connection_id = new_id("con")
            connection.execute(
                insert(tables.connections).values(
                    id=self.connection_id, app="shop", name="Shop", fields={}, version=1, status="active", status_reason="",
                    secrets=VAULT.seal(dumps({"key": "shop-secret-key"}).encode(), f"connections/{self.connection_id}"),
                    created_at=now, updated_at=now,
                )
            )  # fmt: skip
        connection.execute(
            insert(tables.flows).values(
                id=flow_id, name=definition.name, description="", type="inbound", visibility="private", version=1,
                created_at=now, updated_at=now,
            )
        )  # fmt: skip
        connection.execute(
            insert(tables.flow_versions).values(
                flow_id=flow_id,
                number=1,
                definition=definition.model_dump(mode="json"),
                author="test",
                note="",
                created_at=now,
            )
        )
        connection.execute(
            insert(tables.flow_connections).values(
                id=link_id, flow_id=flow_id, name="Test", trigger_app="shop", trigger_event="sold", trigger_source="shop-1",
                bindings={step.id: self.connection_id for step in definition.steps}, inputs={}, enabled=True,
                hook_token=new_id("tok"), created_at=now, updated_at=now,
            )
        )  # fmt: skip

    async def accept(
        self, *external_ids: str, account: str = "", minutes: int = 0, priority: Priority = Priority.LIVE
    ) -> list[str]:
        """Accept sold events; returns the ids of the runs made."""
        drafts = [
            replace(draft(external_id, account=account, minutes=minutes), priority=priority)
            for external_id in external_ids
        ]
        accepted = await self.database.group(self.intake.accept_each, drafts)
        return [run_id for item in accepted for run_id in item.run_ids]

    async def settle(self, seconds: float = 10.0) -> None:
        """Wait until no run is queued or running."""
        async with asyncio.timeout(seconds):
            while await self.count("queued", "running"):
                await asyncio.sleep(0.005)

    async def settle_all(self, seconds: float = 20.0) -> None:
        """Wait until no run is queued, running or waiting."""
        async with asyncio.timeout(seconds):
            while await self.count("queued", "running", "waiting"):
                await asyncio.sleep(0.01)

    async def count(self, *states: str) -> int:
        """How many runs are in these states."""
        query = select(tables.runs.c.id).where(tables.runs.c.state.in_(states))
        return len(await self.database.read(lambda c: c.execute(query).all()))

    async def run(self, run_id: str) -> Any:
        """The row of a run."""
        query = select(tables.runs).where(tables.runs.c.id == run_id)
        return await self.database.read(lambda c: c.execute(query).one())

    async def rows(self, table: Any) -> Sequence[Any]:
        """All rows of a table."""
        return await self.database.read(lambda c: c.execute(select(table)).all())


_numbers = itertools.count()


def draft(external_id: str, *, account: str = "", minutes: int = 0) -> EventDraft:
    """A sold event."""
    return EventDraft(
        app="shop",
        source="shop-1",
        type="sold",
        external_id=external_id,
        occurred_at=clock.now() + timedelta(minutes=minutes),
        payload={"id": external_id, "amount": "24.99", "currency": "USD"},
        account_id=account,
        title=external_id,
    )


async def create_tables(database: Database) -> None:
    """All tables, without migrations."""
    if isinstance(database, SqliteDatabase):
        tables.metadata.create_all(database.engine)
    elif isinstance(database, PostgresDatabase):
        async with database.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
        await install_queue(database.url)


@asynccontextmanager
async def engine(
    url: str, vendor: Vendor | None = None, *, concurrency: int = 16, started: bool = True, fresh: bool = True
) -> AsyncIterator[Engine]:
    """An engine over a database; each store has its own dispatcher."""
    database = open_database(url, Path("unused"))
    if fresh:
        await create_tables(database)
    await database.open()
    vendor = vendor or Vendor()
    apps = {"shop": shop(vendor)}
    is_postgres = isinstance(database, PostgresDatabase)
    queue, fair = PgQueue() if is_postgres else TableQueue(), FairClock()
    bell: list[Any] = []

    def wake() -> None:
        if bell:
            bell[0].wake()

    intake = Intake(queue, fair, wake)
    journal = Journal(queue, wake)
    plans = Plans(database, apps, VAULT)
    network = Network(allow_private=True, timeout_seconds=5)
    steps = StepRunner(database=database, network=network, limiter=Limiter(), breaker=CircuitBreaker())
    executor = Executor(database=database, journal=journal, plans=plans, steps=steps)
    if is_postgres:
        dispatcher: Any = PostgresDispatcher(
            url=url, database=database, executor=executor, concurrency=concurrency, lease_seconds=2
        )
    else:
        dispatcher = EmbeddedDispatcher(database=database, executor=executor, fair=fair, concurrency=concurrency)
    bell.append(dispatcher)
    runs = Runs(database=database, intake=intake, journal=journal, queue=queue, fair=fair, wake=wake)
    if started:
        await dispatcher.start()
    try:
        yield Engine(database, intake, journal, plans, executor, dispatcher, runs, vendor)
    finally:
        await dispatcher.stop(grace_seconds=1)
        await network.close()
        await database.close()
