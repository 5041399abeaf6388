"""The composition root: the only place that wires settings, store, engine, apps and services together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from affluent import catalog as catalogs
from affluent.billing import Billing
from affluent.billing import books as own_books
from affluent.catalog import Catalog
from affluent.engine import expressions
from affluent.engine.circuit_breaker import CircuitBreaker
from affluent.engine.dispatch.dispatcher import Dispatcher, WakeSignal
from affluent.engine.dispatch.embedded import EmbeddedDispatcher
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.limits import Limiter, shared_reserve
from affluent.engine.plans import Plans
from affluent.engine.queue import Queue, TableQueue
from affluent.engine.run import Executor
from affluent.engine.vendor_http import Network
from affluent.kit.logs import logger
from affluent.services.connections.health import Health
from affluent.services.connections.service import Connections
from affluent.services.directory.directory_sync import DirectorySync
from affluent.services.directory.identities import Identities
from affluent.services.directory.identity_map import IdentityMap
from affluent.services.directory.timeline import Syncs
from affluent.services.flow_files.service import FlowFiles
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.preview import Preview
from affluent.services.flows.service import Flows
from affluent.services.identity.own_account import OwnAccount
from affluent.services.identity.people import People
from affluent.services.identity.single_sign_on import SingleSignOn, single_sign_on
from affluent.services.identity.tokens import Tokens, TokenView
from affluent.services.identity.users import Users
from affluent.services.inbound.background_jobs import BackgroundJobs, Work
from affluent.services.inbound.job_targets import Vendors
from affluent.services.inbound.missed_webhooks import MissedWebhooks
from affluent.services.inbound.polls import BACKFILL, POLL, Polls, Walks
from affluent.services.inbound.schedules import Schedules
from affluent.services.inbound.webhook_registration import WebhookRegistration
from affluent.services.inbound.webhooks import Hooks
from affluent.services.money.decide import SalePositions
from affluent.services.money.journal import MoneyJournal
from affluent.services.money.payouts import Payouts
from affluent.services.money.record import FactRecorder
from affluent.services.money.taking_up import TakingUp
from affluent.services.operations.alerts import Alerts
from affluent.services.operations.audit import Audit
from affluent.services.operations.metrics import (
    CountingIntake,
    CountingJournal,
    CountingLimiter,
    CountingSteps,
    Metrics,
    TimedExecutor,
)
from affluent.services.operations.progress import Progress, patience
from affluent.services.operations.server_settings import Options, wishes
from affluent.services.operations.tracing import TracedExecutor, TracedSteps, Tracing
from affluent.services.provenance.evidence import EvidencePacks
from affluent.services.provenance.ledger_heads import LedgerHeads
from affluent.services.provenance.ledger_verification import LEDGER, Ledgers
from affluent.services.provenance.why import Why
from affluent.services.reconciliation.case_files import CaseFiles
from affluent.services.reconciliation.nightly import Nightly
from affluent.services.reconciliation.repair import Repair
from affluent.services.reconciliation.service import Reconciliation
from affluent.services.reconciliation.sources import Sources
from affluent.services.runs.activity_statistics import ActivityStatistics
from affluent.services.runs.events import Events
from affluent.services.runs.failures import RunFailures
from affluent.services.runs.search import RunSearch
from affluent.services.runs.service import Runs
from affluent.settings import Settings
from affluent.store.database import Database
from affluent.store.ledger import Sealer
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from affluent.vault import keys
from affluent.vault.envelope import Vault

_log = logger("hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engine:
    """What accepts events and executes runs."""

    queue: Queue
    fair: FairClock
    wake: Callable[[], None]
    network: Network
    limiter: Limiter
    plans: Plans
    intake: Intake
    journal: Journal
    progress: Progress
    tracing: Tracing | None
    executor: Executor
    dispatcher: Dispatcher
    learner: FactRecorder
    learned: asyncio.Event
    """Set when something was learned that runs may wait for."""


@dataclass(slots=True, kw_only=True)
class Hub:
    """The services of this process, wired. `open` connects; `close` finishes and disconnects."""

    settings: Settings
    catalog: Catalog
    database: Database
    vault: Vault
    network: Network
    limiter: Limiter
    plans: Plans
    intake: Intake
    executor: Executor
    dispatcher: Dispatcher
    tokens: Tokens
    connections: Connections
    flows: Flows
    flow_connections: FlowConnections
    preview: Preview
    runs: Runs
    events: Events
    identities: Identities
    hooks: Hooks
    background_jobs: BackgroundJobs
    polls: Polls
    people: People
    single_sign_on: SingleSignOn | None
    users: Users
    account: OwnAccount
    audit: Audit
    pulse: ActivityStatistics
    metrics: Metrics
    progress: Progress
    tracing: Tracing | None
    alerts: Alerts
    options: Options
    health: Health
    syncs: Syncs
    mirror: DirectorySync
    run_search: RunSearch
    billing: Billing
    reconciliation: Reconciliation
    nightly: Nightly
    taking_up: TakingUp
    ledgers: Ledgers
    why: Why
    evidence: EvidencePacks
    server_url: str

    @property
    def identity_map(self) -> IdentityMap:
        """Use cases of the id map as a whole."""
        return IdentityMap(self.database, self.catalog)

    @property
    def case_files(self) -> CaseFiles:
        """Use cases of single invoices of a statement."""
        return CaseFiles(self.database, self.catalog.apps)

    @property
    def payouts(self) -> Payouts:
        """Use cases of payouts to promoters."""
        zone = self.settings.reconciliation_zone
        return Payouts(database=self.database, apps=self.catalog.apps, vault=self.vault, zone=zone)

    @property
    def money_journal(self) -> MoneyJournal:
        """Use cases of the money journal."""
        return MoneyJournal(self.database)

    @property
    def repair(self) -> Repair:
        """Use cases of repair."""
        return Repair(
            database=self.database,
            apps=self.catalog.apps,
            flows=self.flows,
            flow_connections=self.flow_connections,
            runs=self.runs,
            intake=self.intake,
        )

    async def open(self) -> None:
        """Migrate, connect, and publish the ready-made flows."""
        is_ours = await schema.upgrade(self.database, migrate=self.settings.migrate)
        await self.database.open()
        for broken in self.catalog.broken:
            _log.warning("an installed app cannot be used", app=broken.key, package=broken.package, reason=broken.error)
        if is_ours:  # else a newer release is here already, and its ready-made flows are the newer ones
            await self.flows.sync_public(self.catalog.public_flows())

    async def close(self) -> None:
        """Finish what was handed in, then disconnect."""
        await self.network.close()
        await asyncio.to_thread(expressions.close)
        for counting in (self.health, self.pulse):
            await counting.close()
        await self.database.close()
        if self.tracing is not None:
            await asyncio.to_thread(self.tracing.close)

    @property
    def files(self) -> FlowFiles:
        """Use cases of files of flows and connections."""
        return FlowFiles(
            database=self.database,
            catalog=self.catalog,
            vault=self.vault,
            plans=self.plans,
            connections=self.connections,
            flows=self.flows,
            flow_connections=self.flow_connections,
        )

    async def authorise(self, secret: str, scope: str) -> TokenView:
        """The token of a secret, when it has the scope; raises Unauthorised or Forbidden."""
        return await self.tokens.authorise(secret, scope)

    async def first_link(self) -> str:
        """A link that creates the owner, once; empty when there is one."""
        return await self.people.first_link()

    async def requeue_lost(self) -> int:
        """Queue runs again that nobody holds; only needed where workers share a queue."""
        if self.database.dialect != "postgresql":
            return 0
        from affluent.engine.dispatch.postgres import requeue_lost  # noqa: PLC0415 - SQLite does not need it

        return await self.database.write(requeue_lost)


def build(settings: Settings, *, own_url: str) -> Hub:
    """Wire a hub. `own_url` is where this server listens; vendors and people may know it by another, public one."""
    database = open_database(settings.database_url, settings.sqlite_path())
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_private(settings.sqlite_path())
    catalog, vault = catalogs.load(), _vault(settings)
    database.sealer = Sealer(vault.derive(LEDGER), vault.current).seal
    server_url = settings.public_url.rstrip("/") or own_url
    engine = _engine(settings, database, catalog, vault, own_url=own_url, server_url=server_url)
    return _hub(settings, database, catalog, vault, engine, own_url=own_url, server_url=server_url)


def _hub(
    settings: Settings,
    database: Database,
    catalog: Catalog,
    vault: Vault,
    engine: _Engine,
    *,
    own_url: str,
    server_url: str,
) -> Hub:
    network, limiter, plans, intake = engine.network, engine.limiter, engine.plans, engine.intake
    vendors = Vendors(catalog=catalog, vault=vault, network=network, limiter=limiter, server_url=own_url)
    reconciliation = Reconciliation(database=database, sources=_sources(catalog, vault, vendors))
    tokens, why = Tokens(database=database), Why(database=database, apps=catalog.apps)
    return Hub(
        settings=settings,
        catalog=catalog,
        database=database,
        vault=vault,
        network=network,
        limiter=limiter,
        plans=plans,
        intake=intake,
        executor=engine.executor,
        dispatcher=engine.dispatcher,
        tokens=tokens,
        connections=_connections(engine, database, catalog, vault, own_url),
        flows=Flows(database=database, catalog=catalog, vault=vault, plans=plans),
        flow_connections=_flow_connections(engine, database, catalog, vault, server_url),
        preview=Preview(database=database, catalog=catalog, vault=vault, server_url=own_url),
        runs=_runs(engine, database),
        events=Events(database),
        identities=Identities(database, catalog),
        hooks=_hooks(settings, database, catalog, vault, intake),
        background_jobs=_background_jobs(database, vendors, intake, vault, server_url),
        polls=Polls(database=database, vendors=vendors),
        people=People(database=database, vault=vault, server_url=server_url),
        single_sign_on=single_sign_on(settings, database, vault, network, server_url),
        users=Users(database=database, server_url=server_url, forget_tokens=tokens.forget),
        account=OwnAccount(database=database, vault=vault),
        audit=Audit(database),
        pulse=ActivityStatistics(database),
        metrics=Metrics(database, patience=patience(settings.request_timeout_seconds)),
        progress=engine.progress,
        tracing=engine.tracing,
        alerts=Alerts(database=database, network=network, wishes=wishes(settings), server_url=server_url),
        options=Options(database=database, vault=vault, settings=settings),
        health=Health(database),
        syncs=Syncs(database),
        mirror=DirectorySync(database),
        run_search=RunSearch(database),
        billing=Billing(database, intake.accept, engine.learner.setting_saved),
        reconciliation=reconciliation,
        taking_up=TakingUp(database=database, journal=engine.journal, queue=engine.queue, learned=engine.learned),
        ledgers=_ledgers(settings, database, vault),
        why=why,
        evidence=EvidencePacks(why=why, vault=vault),
        nightly=_nightly(settings, database, reconciliation, intake),
        server_url=server_url,
    )


def _vault(settings: Settings) -> Vault:
    return keys.load(
        value=settings.master_key.get_secret_value(),
        path=settings.master_key_path(),
        command=settings.master_key_command,
    )


def _engine(
    settings: Settings, database: Database, catalog: Catalog, vault: Vault, *, own_url: str, server_url: str
) -> _Engine:
    queue, fair, wake_signal = _queue(database), FairClock(), WakeSignal()
    network = Network(
        allow_private=settings.allow_private_addresses,
        timeout_seconds=settings.request_timeout_seconds,
        own_url=own_url,
    )
    limiter = CountingLimiter(shared_reserve(database) if database.dialect == "postgresql" else None)
    learned = asyncio.Event()
    learner = FactRecorder(catalog.apps, learned.set)
    intake = CountingIntake(queue, fair, wake_signal.send, learner=learner, composed=catalog.composed_events())
    failures = RunFailures(intake, lambda run_id: f"{server_url}/activity/{run_id}")
    progress = Progress(
        database,
        patience=patience(settings.request_timeout_seconds),
        waits_for_slot=lambda: limiter.is_waited_for,
    )
    journal = CountingJournal(queue, wake_signal.send, failures.tell, moved=progress.moved, learner=learner)
    plans = Plans(database, catalog.apps, vault)
    tracing = Tracing(settings.otlp_url) if settings.otlp_url else None
    steps = (TracedSteps if tracing else CountingSteps)(
        database=database,
        network=network,
        limiter=limiter,
        breaker=CircuitBreaker(),
        positions=SalePositions(database),
        settle_seconds=settings.settle_seconds,
    )
    executor = (TracedExecutor if tracing else TimedExecutor)(
        database=database, journal=journal, plans=plans, steps=steps
    )
    for part in (steps, executor):
        if tracing is not None and isinstance(part, (TracedSteps, TracedExecutor)):
            part.tracing = tracing
    dispatcher = _dispatcher(settings, database, executor, fair)
    wake_signal.connect(dispatcher)
    return _Engine(
        queue=queue,
        fair=fair,
        wake=wake_signal.send,
        network=network,
        limiter=limiter,
        plans=plans,
        intake=intake,
        journal=journal,
        progress=progress,
        tracing=tracing,
        executor=executor,
        dispatcher=dispatcher,
        learner=learner,
        learned=learned,
    )


def _connections(engine: _Engine, database: Database, catalog: Catalog, vault: Vault, own_url: str) -> Connections:
    return Connections(
        database=database,
        catalog=catalog,
        vault=vault,
        plans=engine.plans,
        queue=engine.queue,
        network=engine.network,
        limiter=engine.limiter,
        wake=engine.wake,
        server_url=own_url,
    )


def _flow_connections(
    engine: _Engine, database: Database, catalog: Catalog, vault: Vault, server_url: str
) -> FlowConnections:
    return FlowConnections(
        database=database,
        catalog=catalog,
        vault=vault,
        plans=engine.plans,
        intake=engine.intake,
        journal=engine.journal,
        queue=engine.queue,
        server_url=server_url,
    )


def _runs(engine: _Engine, database: Database) -> Runs:
    return Runs(
        database=database,
        intake=engine.intake,
        journal=engine.journal,
        queue=engine.queue,
        fair=engine.fair,
        wake=engine.wake,
    )


def _hooks(settings: Settings, database: Database, catalog: Catalog, vault: Vault, intake: Intake) -> Hooks:
    return Hooks(database=database, catalog=catalog, vault=vault, intake=intake, max_body_bytes=settings.max_body_bytes)


def _ledgers(settings: Settings, database: Database, vault: Vault) -> Ledgers:
    kept = LedgerHeads(database=database, vault=vault, folder=settings.data_dir, database_url=settings.database_url)
    return Ledgers(database=database, vault=vault, kept=kept)


def _nightly(settings: Settings, database: Database, reconciliation: Reconciliation, intake: Intake) -> Nightly:
    return Nightly(database=database, reconciliation=reconciliation, intake=intake, zone=settings.reconciliation_zone)


def _make_private(database: Path) -> None:
    """Let only the owner read the database: earlier releases created it with the umask, often readable for everybody."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):  # missing, or owned by another user, which `affluent doctor` reports
            database.with_name(database.name + suffix).chmod(0o600)


def _sources(catalog: Catalog, vault: Vault, vendors: Vendors) -> Sources:
    return Sources(catalog=catalog, vault=vault, vendors=vendors, page=own_books.page, invoices=own_books.invoices)


def _background_jobs(
    database: Database, vendors: Vendors, intake: Intake, vault: Vault, server_url: str
) -> BackgroundJobs:
    works: list[Work] = [
        *(Walks(kind, database=database, vendors=vendors, intake=intake) for kind in (POLL, BACKFILL)),
        Schedules(database=database, intake=intake),
        MissedWebhooks(database=database, vendors=vendors, intake=intake),
        WebhookRegistration(database=database, vendors=vendors, vault=vault, server_url=server_url),
    ]
    return BackgroundJobs(database=database, vendors=vendors, works=works)


def _queue(database: Database) -> Queue:
    if database.dialect != "postgresql":
        return TableQueue()
    from affluent.engine.dispatch.postgres import PgQueue  # noqa: PLC0415 - PgQueuer takes 6 MB that SQLite can do without

    return PgQueue()


def _dispatcher(settings: Settings, database: Database, executor: Executor, fair: FairClock) -> Dispatcher:
    if database.dialect == "postgresql":
        from affluent.engine.dispatch.postgres import PostgresDispatcher  # noqa: PLC0415 - as above
        from affluent.store.postgres import PostgresDatabase  # noqa: PLC0415 - as above

        assert isinstance(database, PostgresDatabase)  # noqa: S101 - the only database of this dialect
        return PostgresDispatcher(
            url=database.url,
            database=database,
            executor=executor,
            concurrency=settings.concurrency,
            lease_seconds=settings.lease_seconds,
        )
    return EmbeddedDispatcher(database=database, executor=executor, fair=fair, concurrency=settings.concurrency)
