"""Flow connections: activations of flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Text, delete, insert, select, text, type_coerce, update

from affluent.kit.clock import to_micros
from affluent.kit.jsons import JSONObject
from affluent.store import tables

L, F, V = tables.flow_connections, tables.flows, tables.flow_versions


def _listed() -> Select[Any]:
    return (
        select(L, F.c.name.label("flow_name"), F.c.version.label("flow_version"), V.c.definition)
        .join_from(L, F, L.c.flow_id == F.c.id)
        .join(V, (V.c.flow_id == F.c.id) & (V.c.number == F.c.version))
    )


def find(
    connection: Connection,
    *,
    flow_id: str = "",
    connection_id: str = "",
    enabled: bool | None = None,
    limit: int,
    after: str = "",
) -> Sequence[Row[Any]]:
    """Flow connections with their flow's current definition, oldest first; empty conditions match all."""
    query = _listed().order_by(L.c.id).limit(limit)
    if flow_id:
        query = query.where(L.c.flow_id == flow_id)
    if connection_id:
        query = query.where(type_coerce(L.c.bindings, Text).contains(connection_id, autoescape=True))
    if enabled is not None:
        query = query.where(L.c.enabled == enabled)
    return connection.execute(query.where(L.c.id > after) if after else query).all()


def one(connection: Connection, flow_connection_id: str) -> Row[Any] | None:
    """The flow connection of an id, with its flow's current definition."""
    return connection.execute(_listed().where(L.c.id == flow_connection_id)).one_or_none()


def of_flow(connection: Connection, flow_id: str) -> Sequence[Row[Any]]:
    """All flow connections of a flow."""
    return connection.execute(select(L).where(L.c.flow_id == flow_id).order_by(L.c.id)).all()


def enabled_but(connection: Connection, flow_connection_id: str) -> Sequence[Row[Any]]:
    """All other enabled flow connections, with their flow's current definition."""
    return connection.execute(_listed().where(L.c.enabled, L.c.id != flow_connection_id).order_by(L.c.id)).all()


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a flow connection."""
    connection.execute(insert(L).values(**values))


def change(connection: Connection, flow_connection_id: str, values: dict[str, Any]) -> None:
    """Change a flow connection."""
    connection.execute(update(L).where(L.c.id == flow_connection_id).values(**values))


def remove(connection: Connection, flow_connection_id: str) -> None:
    """Delete a flow connection. Its runs and deliveries stay."""
    connection.execute(delete(L).where(L.c.id == flow_connection_id))


def cancel_runs(connection: Connection, flow_connection_id: str, sentence: str, now: datetime) -> list[str]:
    """End the unfinished runs of a flow connection that is removed; returns their ordering keys."""
    where = " WHERE flow_connection_id = :id AND finished_at IS NULL AND state"
    values = {"id": flow_connection_id, "sentence": sentence, "now": to_micros(now)}
    connection.execute(text(f"UPDATE runs SET cancel = true{where} = 'running'"), {"id": flow_connection_id})
    ended = text(
        "UPDATE runs SET state = 'cancelled', sentence = :sentence, finished_at = :now, lease = lease + 1, waits_for = ''"
        f"{where} <> 'running' RETURNING ordering_key"
    )
    return sorted({row[0] for row in connection.execute(ended, values)})


class Source(NamedTuple):
    """Where the events of a flow connection come from."""

    id: str
    bindings: dict[str, str]
    trigger_source: str


class FlowConnectionRow(NamedTuple):
    """A flow connection without its flow."""

    id: str
    flow_id: str
    name: str
    enabled: bool
    bindings: dict[str, str]
    inputs: JSONObject


def by_id(connection: Connection, flow_connection_id: str) -> Row[Any] | None:
    """The flow connection of an id, without its flow."""
    return connection.execute(select(L).where(L.c.id == flow_connection_id)).one_or_none()


def bindings_of(connection: Connection, flow_connection_id: str) -> dict[str, str] | None:
    """The connections that a flow connection binds, by step id or "trigger"; None when it is gone."""
    return connection.execute(select(L.c.bindings).where(L.c.id == flow_connection_id)).scalar()


def all_rows(connection: Connection) -> list[FlowConnectionRow]:
    """All flow connections, oldest first."""
    query = select(*(L.c[name] for name in FlowConnectionRow._fields)).order_by(L.c.id)
    return [FlowConnectionRow(*row) for row in connection.execute(query)]


def sources(connection: Connection) -> list[Source]:
    """The source of every flow connection."""
    return [Source(*row) for row in connection.execute(select(L.c.id, L.c.bindings, L.c.trigger_source))]


def listen_to(connection: Connection, flow_connection_ids: Sequence[str], source: str) -> None:
    """Let flow connections listen to another source."""
    if flow_connection_ids:
        connection.execute(update(L).where(L.c.id.in_(flow_connection_ids)).values(trigger_source=source))


def listening(connection: Connection, app: str, event: str) -> Sequence[str]:
    """Ids of the enabled flow connections whose trigger is this event of an app, oldest first."""
    query = select(L.c.id).where(L.c.enabled, L.c.trigger_app == app, L.c.trigger_event == event)
    return connection.execute(query.order_by(L.c.id)).scalars().all()
