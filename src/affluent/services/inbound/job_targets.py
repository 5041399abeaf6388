"""What a background job works on: a flow connection with its trigger, and a client for the vendor of its connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, Row

from affluent.catalog import Catalog
from affluent.domain.event import WORKSPACE, Priority
from affluent.domain.flow import FlowDefinition, TriggerUse
from affluent.engine.limits import Limiter
from affluent.engine.plans import Bound, bind
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.sdk import App, Context, Effect, SyncedRecord, Trigger
from affluent.services.connections.event_source import TRIGGER
from affluent.store import connections
from affluent.store import flow_connections as links
from affluent.vault.envelope import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A flow connection as a background job sees it."""

    id: str
    name: str
    enabled: bool
    source: str
    hook_token: str
    app: App
    trigger: Trigger
    connection_id: str
    given_options: JSONObject

    def options(self) -> BaseModel | None:
        """The trigger's options; None when it has none, or they are not valid any more."""
        try:
            return self.trigger.options.model_validate(self.given_options) if self.trigger.options else None
        except ValidationError:
            return None

    @property
    def subject(self) -> str:
        """What is watched. When it changes, a stored cursor is no longer valid."""
        return f"{self.app.key}.{self.trigger.key}@{self.connection_id}"


class Vendors:
    """Reads targets and makes the contexts with which their apps call the vendor."""

    def __init__(self, *, catalog: Catalog, vault: Vault, network: Network, limiter: Limiter, server_url: str) -> None:
        self._catalog = catalog
        self._vault = vault
        self._network = network
        self._limiter = limiter
        self._server_url = server_url
        self._uses: dict[tuple[str, int], TriggerUse] = {}

    def read(
        self, connection: Connection, flow_connection_id: str, connection_id: str
    ) -> tuple[Target | None, Bound | None]:
        """A target and a connection, each None when it is gone."""
        row = links.one(connection, flow_connection_id)
        connection_row = connections.one(connection, connection_id)
        bound = bind(connection_row, self._catalog.apps, self._vault) if connection_row is not None else None
        return self.target(row) if row is not None else None, bound

    def all(self, connection: Connection) -> list[Target]:
        """Every enabled flow connection whose trigger is installed."""
        rows = links.enabled_but(connection, "")
        return [target for row in rows if (target := self.target(row)) is not None]

    def target(self, row: Row[Any]) -> Target | None:
        """The target of a flow connection's row with its definition; None when its app or trigger is not installed."""
        key = (row.flow_id, row.flow_version)
        use = self._uses.get(key) or self._uses.setdefault(key, FlowDefinition.model_validate(row.definition).trigger)
        app = self._catalog.apps.get(use.app)
        trigger = app.triggers.get(use.trigger) if app else None
        if app is None or trigger is None:
            return None
        return Target(
            id=row.id,
            name=row.name,
            enabled=row.enabled,
            source=row.trigger_source,
            hook_token=row.hook_token,
            app=app,
            trigger=trigger,
            connection_id=row.bindings.get(TRIGGER, ""),
            given_options=use.options,
        )

    def app(self, key: str) -> App | None:
        """An app of the catalogue."""
        return self._catalog.apps.get(key)

    def synced_records(self, target: Target, bound: Bound | None, payloads: Iterable[JSONObject]) -> list[SyncedRecord]:
        """The customers and accounts in payloads of a system elsewhere; none when it is this server's own workspace."""
        mapping, credentials = target.app.mirror, bound.credentials if bound else None
        if mapping is None or credentials is None or target.source == WORKSPACE:
            return []
        if target.app.base_url(credentials, self._server_url).startswith(f"{self._server_url.rstrip('/')}/"):
            return []
        return [record for payload in payloads for record in mapping(payload)]

    def context(
        self,
        app: App,
        bound: Bound | None,
        options: BaseModel | None = None,
        *,
        effect: Effect = Effect.READ,
        priority: Priority = Priority.LIVE,
    ) -> Context[Any]:
        """The context for a poll, a list or a registration."""
        credentials = bound.credentials if bound else None
        has = credentials is not None
        client = HttpVendorClient(
            network=self._network,
            limiter=self._limiter,
            vendor=app.title,
            connection_id=bound.id if bound else "",
            base_url=app.base_url(credentials, self._server_url) if has else "",
            headers=app.headers(credentials) if has else {},
            limit=bound.limit if bound else app.limit,
            priority=priority,
            effect=effect,
            faults={},
            app_faults=app.faults,
            secrets=bound.secrets if bound else (),
        )
        return Context(
            credentials=credentials,
            http=client,
            now=clock.now(),
            options=options,
            server_url=self._server_url,
            source=bound.id if bound else "",
        )
