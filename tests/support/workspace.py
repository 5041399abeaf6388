"""A billing workspace over a real store, with the hub's own door for events and its own tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.api.togai import togai_routes
from affluent.billing import Billing
from affluent.billing.payloads import EVENTS
from affluent.domain.event import Accepted, EventDraft
from affluent.engine.dispatch.postgres import PgQueue
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.queue import TableQueue
from affluent.kit.jsons import loads
from affluent.services.identity.scopes import ALL_SCOPES
from affluent.services.identity.tokens import Tokens
from affluent.store import metadata, tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.postgres import PostgresDatabase
from affluent.store.schema.upgrade import install_queue
from affluent.store.sqlite import SqliteDatabase
from tests.support.asgi import Answer, ask
from tests.support.serving import served as serving

CUSTOMER = {"id": "CUS-1", "name": "Northwind Labs", "primaryEmail": "billing@northwind.example", "address": {}}
ACCOUNT = {"id": "ACC-1", "name": "Northwind Labs", "invoiceCurrency": "USD"}
PERIOD = {"startDate": "2026-07-01T00:00:00Z", "endDate": "2026-07-31T00:00:00Z"}


@dataclass
class Workspace:
    """What a test drives and looks at."""

    database: Database
    billing: Billing
    tokens: Tokens
    app: Any
    secret: str
    refuses: bool = False
    """Set: the door for events is closed."""

    async def __call__(
        self, method: str, path: str, json: Any = None, *, raw: bytes | None = None, secret: str | None = None
    ) -> Answer:
        """One request, in process."""
        body = raw if raw is not None else b"" if json is None else dumps(json).encode()
        bearer = self.secret if secret is None else secret
        headers = [("host", "workspace"), ("authorization", f"Bearer {bearer}")]
        return await ask(self.app, method, path, headers=headers, body=body)

    async def done(self, method: str, path: str, json: Any = None) -> Any:
        """One request that must succeed; its answer."""
        answer = await self(method, path, json)
        assert answer.status < 300, answer.body
        return answer.json

    async def refused(self, method: str, path: str, json: Any = None) -> tuple[int, str]:
        """One request that must be refused; status and message."""
        answer = await self(method, path, json)
        assert answer.status >= 400, answer.body
        assert answer.json.keys() == {"message"}
        return answer.status, answer.message

    async def customer(self, **account: Any) -> None:
        """A customer CUS-1 with its account ACC-1."""
        await self.done("POST", "/customers", {**CUSTOMER, "account": {**ACCOUNT, **account}})

    async def plan(self, name: str = "Growth", *currencies: str, **details: Any) -> str:
        """An active price plan; its id."""
        details = {"supportedCurrencies": list(currencies or ("USD",)), **details}
        plan = await self.done("POST", "/price_plans", {"name": name, "pricePlanDetails": details})
        await self.done("POST", f"/price_plans/{plan['id']}/activate", {})
        return plan["id"]

    async def invoice(self, *values: Any, status: str = "DUE", account: str = "ACC-1", **more: Any) -> Any:
        """A custom invoice with one line per value."""
        lines = [{"description": "Growth, one month", "value": value} for value in values]
        body = {"accountId": account, **PERIOD, "status": status, "lineItems": lines, **more}
        return await self.done("POST", "/invoices", body)

    async def events(self, *types: str) -> list[Any]:
        """The events so far, of these types, each with a payload that keeps its shape."""
        table = tables.events

        def unit(connection: Connection) -> Sequence[Any]:
            return connection.execute(select(table).order_by(table.c.id)).all()

        found = [row for row in await self.database.read(unit) if not types or row.type in types]
        for row in found:
            EVENTS[row.type].model_validate(loads(row.payload), strict=True)
        return found

    async def types(self) -> list[str]:
        """The types of the events so far, in order."""
        return [row.type for row in await self.events()]

    async def count(self, table: Any) -> int:
        """How many rows a table has."""
        query = select(func.count()).select_from(table)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())


def payment(invoice_id: str, amount: Any, *, number: str = "TX-1", currency: str = "USD", **more: Any) -> Any:
    """The body of a payment for one invoice."""
    return {
        "accountId": "ACC-1",
        "currency": currency,
        "totalAmount": amount,
        "externalPaymentReference": {
            "sourceName": "Bank",
            "sourceType": "BANK_TRANSFER",
            "transactionNumber": number,
        },
        "lineItemRecords": [{"type": "INVOICE", "order": 1, "togaiId": invoice_id, "amount": amount}],
        **more,
    }


@asynccontextmanager
async def workspace(url: str) -> AsyncIterator[Workspace]:
    """A workspace over a fresh database."""
    database = open_database(url, Path("unused"))
    everything = metadata()
    if isinstance(database, SqliteDatabase):
        everything.create_all(database.engine)
    elif isinstance(database, PostgresDatabase):
        async with database.engine.begin() as connection:
            await connection.run_sync(everything.create_all)
        await install_queue(database.url)
    await database.open()
    queue = PgQueue() if isinstance(database, PostgresDatabase) else TableQueue()
    intake = Intake(queue, FairClock(), lambda: None)
    tokens = Tokens(database=database)
    made: list[Workspace] = []

    def accept(connection: Connection, drafts: Sequence[EventDraft]) -> list[Accepted]:
        answers = intake.accept(connection, drafts)
        if made and made[0].refuses:
            raise RuntimeError("the door for events is closed")
        return answers

    billing = Billing(database, accept)
    token = await tokens.generate(name="Test", scopes=ALL_SCOPES)
    made.append(Workspace(database, billing, tokens, togai_routes(billing, tokens.authorise), token.secret))
    try:
        yield made[0]
    finally:
        await database.close()


@asynccontextmanager
async def served(made: Workspace) -> AsyncIterator[str]:
    """The workspace on a free port, where the product has it; the URL for a client."""
    async with serving(Starlette(routes=[Mount("/togai", made.app)])) as url:
        yield f"{url}/togai"
