"""A client that calls the API in process, as an ASGI server would: no socket, no thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from json import dumps
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.api.v1 import api
from affluent.billing import books
from affluent.catalog import load
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.limits import Limiter
from affluent.engine.vendor_http import Network
from affluent.services.connections.health import Health
from affluent.services.directory.directory_sync import DirectorySync
from affluent.services.directory.identities import Identities
from affluent.services.directory.identity_map import IdentityMap
from affluent.services.directory.timeline import Syncs
from affluent.services.identity.users import Users
from affluent.services.inbound.background_jobs import BackgroundJobs
from affluent.services.inbound.job_targets import Vendors
from affluent.services.inbound.polls import Polls
from affluent.services.money.journal import MoneyJournal
from affluent.services.money.payouts import Payouts
from affluent.services.operations.audit import Audit
from affluent.services.operations.server_settings import Options
from affluent.services.provenance.evidence import EvidencePacks
from affluent.services.provenance.ledger_verification import Ledgers
from affluent.services.provenance.why import Why
from affluent.services.reconciliation.repair import Repair
from affluent.services.reconciliation.service import Reconciliation
from affluent.services.reconciliation.sources import Sources
from affluent.services.runs.events import Events
from affluent.services.runs.service import Runs
from affluent.settings import Settings
from tests.integration.services.desk import Desk, desk
from tests.support.asgi import Answer, ask

LARGEST = 100_000


@dataclass
class Client:
    """Sends requests with one token."""

    desk: Desk
    application: Any
    secret: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self, method: str, path: str, json: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """One request."""
        body = raw if raw is not None else (dumps(json).encode() if json is not None else b"")
        sent = {
            "host": "api.example",
            **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if body:
            sent.setdefault("content-type", "application/json")
        if self.secret:
            sent.setdefault("authorization", f"Bearer {self.secret}")
        return await ask(self.application, method, f"/api/v1{path}", headers=sent.items(), body=body)

    async def limited(self, *scopes: str) -> Client:
        """The same with a token of these scopes."""
        secret = (await self.desk.tokens.generate(name="Limited", scopes=scopes)).secret
        return Client(self.desk, self.application, secret)

    def anonymous(self, **headers: str) -> Client:
        """The same without a token."""
        return Client(self.desk, self.application, headers=headers)


def _vendors(it: Desk) -> Vendors:
    network = Network(allow_private=True, timeout_seconds=5)
    return Vendors(catalog=it.catalog, vault=it.vault, network=network, limiter=Limiter(), server_url="")


def _sources(it: Desk) -> Sources:
    return Sources(catalog=it.catalog, vault=it.vault, vendors=_vendors(it), page=books.page, invoices=books.invoices)


@asynccontextmanager
async def client(database_url: str) -> AsyncIterator[Client]:
    """The API over real services, with a token that may do everything."""
    async with desk(database_url) as it:
        intake, journal = Intake(it.queue, FairClock(), lambda: None), Journal(it.queue, lambda: None)
        why = Why(database=it.database, apps=it.catalog.apps)
        hub = SimpleNamespace(
            reconciliation=Reconciliation(database=it.database, sources=_sources(it)),
            why=why,
            identity_map=IdentityMap(it.database, it.catalog),
            background_jobs=BackgroundJobs(database=it.database, vendors=_vendors(it), works=()),
            polls=Polls(database=it.database, vendors=_vendors(it)),
            audit=Audit(it.database),
            money_journal=MoneyJournal(it.database),
            payouts=Payouts(database=it.database, apps=load().apps, vault=it.vault, zone="UTC"),
            users=Users(database=it.database, server_url="http://127.0.0.1"),
            options=Options(database=it.database, vault=it.vault, settings=Settings(max_body_bytes=LARGEST)),
            ledgers=Ledgers(database=it.database, vault=it.vault),
            health=Health(it.database),
            mirror=DirectorySync(it.database),
            syncs=Syncs(it.database),
            evidence=EvidencePacks(why=why, vault=it.vault),
            settings=Settings(max_body_bytes=LARGEST),
            runs=Runs(
                database=it.database,
                intake=intake,
                journal=journal,
                queue=it.queue,
                fair=FairClock(),
                wake=lambda: None,
            ),
            events=Events(it.database),
            identities=Identities(it.database, it.catalog),
            **{
                name: getattr(it, name)
                for name in ("catalog", "tokens", "connections", "flows", "flow_connections", "preview")
            },
        )
        hub.repair = Repair(
            database=it.database,
            apps=it.catalog.apps,
            flows=it.flows,
            flow_connections=it.flow_connections,
            runs=hub.runs,
            intake=intake,
        )
        application = Starlette(routes=[Mount("/api/v1", api(hub))])
        secret = (await it.tokens.generate(name="All", scopes=["*:write"])).secret
        yield Client(it, application, secret)
        await hub.health.close()
