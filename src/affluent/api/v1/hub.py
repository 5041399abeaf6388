"""What the API needs of the hub, and how a route gets it."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, Query, Request

from affluent.catalog import Catalog
from affluent.services.connections.health import Health
from affluent.services.connections.service import Connections
from affluent.services.directory.directory_sync import DirectorySync
from affluent.services.directory.identities import Identities
from affluent.services.directory.identity_map import IdentityMap
from affluent.services.directory.timeline import Syncs
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.preview import Preview
from affluent.services.flows.service import Flows
from affluent.services.identity.tokens import Tokens
from affluent.services.identity.users import Users
from affluent.services.inbound.background_jobs import BackgroundJobs
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
from affluent.services.runs.events import Events
from affluent.services.runs.service import Runs
from affluent.settings import Settings


class Services(Protocol):
    """The part of the hub that the API uses; `affluent.bootstrap.Hub` has it."""

    settings: Settings
    catalog: Catalog
    tokens: Tokens
    users: Users
    options: Options
    audit: Audit
    ledgers: Ledgers
    connections: Connections
    health: Health
    flows: Flows
    flow_connections: FlowConnections
    preview: Preview
    runs: Runs
    events: Events
    identities: Identities
    mirror: DirectorySync
    syncs: Syncs
    background_jobs: BackgroundJobs
    polls: Polls
    reconciliation: Reconciliation
    why: Why
    evidence: EvidencePacks

    @property
    def identity_map(self) -> IdentityMap:
        """Use cases of the id map as a whole."""
        ...

    @property
    def payouts(self) -> Payouts:
        """Use cases of payouts to promoters."""
        ...

    @property
    def money_journal(self) -> MoneyJournal:
        """Use cases of the money journal."""
        ...

    @property
    def repair(self) -> Repair:
        """Use cases of repair."""
        ...


async def _hub(request: Request) -> Services:
    hub: Services = request.app.state.hub
    return hub


Hub = Annotated[Services, Depends(_hub)]
Limit = Annotated[int, Query(ge=1, le=200, description="Items per page.")]
After = Annotated[str, Query(max_length=60, description="`next` of the page before; empty: the first page.")]
Search = Annotated[str, Query(max_length=200, description="Part of the name; empty matches all.")]
