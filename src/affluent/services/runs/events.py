"""Events and deliveries: what arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from affluent.kit.jsons import JSONValue
from affluent.kit.money import Money
from affluent.services.errors import NotFound
from affluent.services.runs.views import RunView, money, view
from affluent.store import deliveries as delivery_store
from affluent.store import events as store
from affluent.store import runs as run_store
from affluent.store.database import Database
from affluent.store.schema.types import readable


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event as it is listed."""

    id: str
    app: str
    source: str
    type: str
    external_id: str
    account_id: str
    customer_id: str
    title: str
    money: Money | None
    occurred_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    """An event with its payload and runs."""

    event: EventView
    payload: JSONValue
    payload_forgotten_at: datetime | None
    """When retention took the payload."""
    runs: tuple[RunView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One HTTP request received at a hook."""

    id: str
    flow_connection_id: str
    received_at: datetime
    verdict: str
    status: int
    detail: str
    """Why it was refused, as its sender was told; empty when it was accepted."""
    headers: JSONValue
    body: str
    event_id: str | None


class Events:
    """Use cases of events and deliveries; all of them read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self,
        *,
        app: str = "",
        event_type: str = "",
        account_id: str = "",
        external_id: str = "",
        limit: int = 50,
        before: str = "",
    ) -> Sequence[EventView]:
        """Events, newest first, older than `before`."""
        rows = await self._database.read(
            lambda connection: store.find(
                connection,
                app=app,
                event_type=event_type,
                account_id=account_id,
                external_id=external_id,
                limit=min(limit, 200),
                before=before,
            )
        )
        return [event_view(row) for row in rows]

    async def get(self, event_id: str) -> EventDetail:
        """One event; raises NotFound."""
        row = await self._database.read(lambda connection: store.one(connection, event_id))
        if row is None:
            raise NotFound(f"There is no event {event_id}.")
        runs = await self._database.read(lambda connection: run_store.runs_of_event(connection, event_id))
        return EventDetail(
            event=event_view(row),
            payload=readable(row.payload),
            payload_forgotten_at=row.forgotten_at,
            runs=tuple(view(run) for run in runs),
        )

    async def deliveries(
        self, *, flow_connection_id: str = "", verdict: str = "", limit: int = 50, before: str = ""
    ) -> Sequence[DeliveryView]:
        """Deliveries, newest first."""
        rows = await self._database.read(
            lambda connection: delivery_store.find(
                connection,
                flow_connection_id=flow_connection_id,
                verdict=verdict,
                limit=min(limit, 200),
                before=before,
            )
        )
        return [DeliveryView(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def event_view(row: Row[Any]) -> EventView:
    """An event's row as a view."""
    names = (
        "id",
        "app",
        "source",
        "type",
        "external_id",
        "account_id",
        "customer_id",
        "title",
        "occurred_at",
        "received_at",
    )
    return EventView(**{name: getattr(row, name) for name in names}, money=money(row))
