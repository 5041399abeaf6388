"""What the API needs of the hub, and how a route gets it."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, Query, Request

from affluent.catalog import Catalog
from affluent.services.audit import Audit
from affluent.services.connections import Connections
from affluent.services.duties import Duties
from affluent.services.events import Events
from affluent.services.evidence import EvidencePacks
from affluent.services.flow_connections import FlowConnections
from affluent.services.flows import Flows
from affluent.services.health import Health
from affluent.services.identities import Identities
from affluent.services.identity_map import IdentityMap
from affluent.services.ledger import Ledgers
from affluent.services.mirror import Mirror
from affluent.services.options import Options
from affluent.services.polls import Polls
from affluent.services.preview import Preview
from affluent.services.reconciliation import Reconciliation
from affluent.services.repair import Repair
from affluent.services.runs import Runs
from affluent.services.syncs import Syncs
from affluent.services.tokens import Tokens
from affluent.services.users import Users
from affluent.services.why import Why
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
    mirror: Mirror
    syncs: Syncs
    duties: Duties
    polls: Polls
    reconciliation: Reconciliation
    why: Why
    evidence: EvidencePacks

    @property
    def identity_map(self) -> IdentityMap:
        """Use cases of the id map as a whole."""
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
