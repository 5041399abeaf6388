"""Connections, flows and flow connections as a file says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.flow import FlowDefinition
from affluent.services.errors import Conflict, NotFound
from affluent.services.flow_files.model import FileConnection, FileFlowConnection, FileLimit, FlowFile, reference
from affluent.store import connections as connection_store
from affluent.store import flow_connections as link_store
from affluent.store import flows as flow_store
from affluent.store.flow_connections import FlowConnectionRow


def read_all(connection: Connection, *, flow_id: str = "") -> FlowFile:
    """The whole configuration without drafts, or one flow with the connections that it needs."""
    if flow_id and flow_store.one(connection, flow_id) is None:
        raise NotFound(f"There is no flow {flow_id}.")
    names = flow_store.names(connection)
    ids = {flow_id} if flow_id else set(names)
    links = [row for row in link_store.all_rows(connection) if row.flow_id in ids]
    used = {value for row in links for value in row.bindings.values()}
    rows = [row for row in connection_store.all_rows(connection) if not flow_id or row.id in used]
    references = {row.id: reference(row.app, row.name) for row in rows}
    _refuse_doubles("flow connections of one flow", (f"{names[row.flow_id]}: {row.name}" for row in links))
    return FlowFile(
        connections=tuple(map(_connection, rows)),
        flows=_definitions(connection, ids),
        flow_connections=tuple(_link(row, names, references) for row in links),
    )


def _definitions(connection: Connection, ids: Collection[str]) -> tuple[FlowDefinition, ...]:
    rows = [row for row in flow_store.private(connection) if row.id in ids]
    _refuse_doubles("flows of your own", (row.name for row in rows))
    return tuple(FlowDefinition.model_validate(row.definition) for row in rows)


def _connection(row: Row[Any]) -> FileConnection:
    limit = FileLimit(requests=row.limit_requests, seconds=row.limit_seconds or 60) if row.limit_requests else None
    return FileConnection(app=row.app, name=row.name, fields=row.fields, limit=limit, disabled=row.status == "disabled")


def _link(row: FlowConnectionRow, names: dict[str, str], references: dict[str, str]) -> FileFlowConnection:
    bound = {place: references[value] for place, value in row.bindings.items() if value in references}
    return FileFlowConnection(
        flow=names[row.flow_id], name=row.name, enabled=row.enabled, connections=bound, inputs=row.inputs
    )


def _refuse_doubles(what: str, names: Iterable[str]) -> None:
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise Conflict(f"Two {what} are called {twice[0]!r}, so a file cannot tell them apart. Rename one of them.")
