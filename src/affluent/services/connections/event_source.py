"""Where a flow connection's events come from: the source that its subscription listens to."""

from __future__ import annotations

from sqlalchemy import Connection

from affluent.domain.event import WORKSPACE
from affluent.store import flow_connections

TRIGGER = "trigger"
"""Key of the trigger's connection among the bindings."""


def source_of(*, connection_id: str, is_local: bool, flow_connection_id: str) -> str:
    """This server's workspace, the connection, or the flow connection itself when its trigger needs no connection."""
    if not connection_id:
        return flow_connection_id
    return WORKSPACE if is_local else connection_id


def repoint(connection: Connection, connection_id: str, *, is_local: bool) -> None:
    """Let the flow connections whose trigger uses a connection listen to its source, after its address changed."""
    source = source_of(connection_id=connection_id, is_local=is_local, flow_connection_id="")
    stale = [
        link.id
        for link in flow_connections.sources(connection)
        if link.bindings.get(TRIGGER) == connection_id and link.trigger_source != source
    ]
    flow_connections.listen_to(connection, stale, source)
