"""Flows and their versions: as they are listed, shown, drafted and published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from affluent.domain.flow import Visibility
from affluent.kit.jsons import JSONObject
from affluent.store import tables

F, V, L, R = tables.flows, tables.flow_versions, tables.flow_connections, tables.runs
DELETED = "deleted"
"""Visibility of a flow that is gone, but whose runs are still shown with its name."""


def _listed() -> Select[Any]:
    links = select(func.count()).where(L.c.flow_id == F.c.id).correlate(F).scalar_subquery()
    enabled = select(func.count()).where(L.c.flow_id == F.c.id, L.c.enabled).correlate(F).scalar_subquery()
    last = select(func.max(R.c.id)).where(R.c.flow_id == F.c.id).correlate(F).scalar_subquery()
    return (
        select(
            F,
            V.c.definition,
            links.label("connections"),
            enabled.label("enabled"),
            last.label("last_run_id"),
        )
        .join_from(F, V, (V.c.flow_id == F.c.id) & (V.c.number == F.c.version), isouter=True)
        .where(F.c.visibility != DELETED)
    )


def find(connection: Connection, *, visibility: str, search: str, limit: int, after: str = "") -> Sequence[Row[Any]]:
    """Flows, oldest first, from the one that follows `after`; empty conditions match all."""
    query = _listed().order_by(F.c.id).limit(limit)
    if visibility:
        query = query.where(F.c.visibility == visibility)
    if search:
        query = query.where(
            or_(
                F.c.name.icontains(search, autoescape=True),
                F.c.description.icontains(search, autoescape=True),
                F.c.id == search,
            )
        )
    return connection.execute(query.where(F.c.id > after) if after else query).all()


def one(connection: Connection, flow_id: str) -> Row[Any] | None:
    """The flow of an id, with the definition of its current version."""
    return connection.execute(_listed().where(F.c.id == flow_id)).one_or_none()


def by_key(connection: Connection, key: str) -> Row[Any] | None:
    """The shipped flow of a key, with the definition of its current version."""
    return connection.execute(_listed().where(F.c.key == key)).one_or_none()


def runs_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The runs of these ids, in brief."""
    query: Select[Any] = select(R.c.id, R.c.state, R.c.title, R.c.sentence, R.c.created_at, R.c.finished_at)
    return {row.id: row for row in connection.execute(query.where(R.c.id.in_(run_ids)))}


def versions(connection: Connection, flow_id: str, *, limit: int, before: int = 0) -> Sequence[Row[Any]]:
    """Versions, newest first, older than number `before`."""
    query = select(V).where(V.c.flow_id == flow_id).order_by(V.c.number.desc()).limit(limit)
    return connection.execute(query.where(V.c.number < before) if before else query).all()


def definition_of(connection: Connection, flow_id: str, number: int) -> Any | None:  # noqa: ANN401 - a JSON value
    """What a version says."""
    return connection.execute(select(V.c.definition).where(V.c.flow_id == flow_id, V.c.number == number)).scalar()


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a flow."""
    connection.execute(insert(F).values(**values))


def add_version(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a version."""
    connection.execute(insert(V).values(**values))


def change(connection: Connection, flow_id: str, values: dict[str, Any]) -> None:
    """Change a flow."""
    connection.execute(update(F).where(F.c.id == flow_id).values(**values))


def remove(connection: Connection, flow_id: str) -> None:
    """Delete a flow with its versions; one that has runs is kept out of sight, because they name it."""
    if connection.execute(select(R.c.id).where(R.c.flow_id == flow_id).limit(1)).first() is not None:
        change(connection, flow_id, {"visibility": DELETED})
        return
    connection.execute(delete(V).where(V.c.flow_id == flow_id))
    connection.execute(delete(F).where(F.c.id == flow_id))


class PrivateFlow(NamedTuple):
    """A flow that somebody made here, with the definition of its current version."""

    id: str
    name: str
    definition: JSONObject


class Version(NamedTuple):
    """A version of a flow."""

    flow_id: str
    number: int
    definition: JSONObject


def names(connection: Connection) -> dict[str, str]:
    """Flow id → how a file names it: the key of a ready-made flow, the name of a private one."""
    query = select(F.c.id, F.c.key, F.c.name).where(F.c.visibility != DELETED)
    return {row.id: row.key or row.name for row in connection.execute(query.order_by(F.c.id))}


def private(connection: Connection) -> list[PrivateFlow]:
    """The flows that were made here and are published, oldest first."""
    query = (
        select(F.c.id, F.c.name, V.c.definition)
        .join_from(F, V, (V.c.flow_id == F.c.id) & (V.c.number == F.c.version))
        .where(F.c.visibility == Visibility.PRIVATE.value)
        .order_by(F.c.id)
    )
    return [PrivateFlow(*row) for row in connection.execute(query)]


def current_version(connection: Connection, flow_id: str) -> int | None:
    """The number of a flow's current version; None when the flow is gone."""
    return connection.execute(select(F.c.version).where(F.c.id == flow_id)).scalar()


def has_version(connection: Connection, flow_id: str, number: int) -> bool:
    """Whether a flow has a version of this number."""
    query = select(V.c.number).where(V.c.flow_id == flow_id, V.c.number == number)
    return connection.execute(query).first() is not None


def all_versions(connection: Connection, *, only_current: bool = False) -> list[Version]:
    """Every version of every flow, or the current one of each."""
    query = select(V.c.flow_id, V.c.number, V.c.definition)
    if only_current:
        query = query.join(F, (F.c.id == V.c.flow_id) & (F.c.version == V.c.number))
    return [Version(*row) for row in connection.execute(query)]
