"""Where a flow connection's events come from: the source that its subscription listens to."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from affluent.domain.event import WORKSPACE
from affluent.store import tables

TRIGGER = "trigger"
"""Key of the trigger's connection among the bindings."""


def source_of(*, connection_id: str, is_local: bool, flow_connection_id: str) -> str:
    """This server's workspace, the connection, or the flow connection itself when its trigger needs no connection."""
    if not connection_id:
        return flow_connection_id
    return WORKSPACE if is_local else connection_id


def repoint(connection: Connection, connection_id: str, *, is_local: bool) -> None:
    """A connection may point elsewhere now: the flow connections whose trigger uses it listen to its new source."""
    links = tables.flow_connections
    rows = connection.execute(select(links.c.id, links.c.bindings, links.c.trigger_source)).all()
    source = source_of(connection_id=connection_id, is_local=is_local, flow_connection_id="")
    stale = [row.id for row in rows if row.bindings.get(TRIGGER) == connection_id and row.trigger_source != source]
    if stale:
        connection.execute(update(links).where(links.c.id.in_(stale)).values(trigger_source=source))
