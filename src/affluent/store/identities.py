"""The id map: which id an account has in another system."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, delete, func, literal, or_, select, tuple_, update

from affluent.kit import clock
from affluent.store import bulk, tables
from affluent.store.tables import billing as tables_billing

I, C = tables.identities, tables.connections  # noqa: E741 - short for a table, as in the other repositories
A = tables_billing.accounts
COLUMNS = ("account_id", "app", "connection_id", "kind", "external_id", "how")
"""Of the map as a file."""
_ROW = [column.name for column in I.columns]
_KEY = ("account_id", "connection_id", "kind")
_OWNED = 50
"""Accounts of one customer that are searched."""


class Identity(NamedTuple):
    """One system's id of an account."""

    account_id: str
    app: str
    connection_id: str
    kind: str
    external_id: str
    how: str
    created_at: datetime
    updated_at: datetime


class NamedIdentity(NamedTuple):
    """One system's id of an account, with the names of the account and of the connection; None when they are gone."""

    account_id: str
    app: str
    connection_id: str
    kind: str
    external_id: str
    how: str
    updated_at: datetime
    account_name: str | None
    connection_name: str | None


class SharedId(NamedTuple):
    """An id that several accounts have in one system."""

    app: str
    kind: str
    external_id: str


class ConnectionApp(NamedTuple):
    """A connection and the app that it is of."""

    id: str
    app: str


def find(connection: Connection, *, account_id: str, external_id: str, app: str, limit: int) -> list[Identity]:
    """Identities by account; empty conditions match all."""
    query = select(*(I.c[name] for name in Identity._fields)).order_by(I.c.account_id, I.c.app, I.c.kind).limit(limit)
    for column, value in ((I.c.account_id, account_id), (I.c.external_id, external_id), (I.c.app, app)):
        if value:
            query = query.where(column == value)
    return [Identity(*row) for row in connection.execute(query)]


def shared(connection: Connection, *, but: Sequence[tuple[str, str]], limit: int) -> list[SharedId]:
    """Ids that several accounts have. `but`: the (app, kind) pairs that many accounts may share."""
    same = (I.c.app, I.c.kind, I.c.external_id)
    query: Select[Any] = select(*same).group_by(*same).having(func.count(I.c.account_id.distinct()) > 1).order_by(*same)
    if but:
        query = query.where(tuple_(I.c.app, I.c.kind).not_in(but))
    return [SharedId(*row) for row in connection.execute(query.limit(limit))]


def accounts_of(connection: Connection, shared_id: SharedId) -> list[str]:
    """The accounts that have an id."""
    query = select(I.c.account_id).where(_is(shared_id)).distinct().order_by(I.c.account_id)
    return list(connection.execute(query).scalars())


def page(connection: Connection, *, q: str, app: str, limit: int, after: Sequence[str]) -> list[NamedIdentity]:
    """Identities by account, from the one that follows the key `after`. `q`: an account, an id, or a customer."""
    key = tuple(I.c[name] for name in _KEY)
    own = (I.c[name] for name in NamedIdentity._fields[:-2])
    query: Select[Any] = (
        select(*own, A.c.name.label("account_name"), C.c.name.label("connection_name"))
        .join_from(I, A, A.c.id == I.c.account_id, isouter=True)
        .join(C, C.c.id == I.c.connection_id, isouter=True)
        .order_by(*key)
        .limit(limit)
    )
    if q:
        owned = connection.execute(select(A.c.id).where(A.c.customer_id == q).limit(_OWNED)).scalars()
        query = query.where(or_(I.c.account_id.in_([q, *owned]), I.c.external_id == q))
    if app:
        query = query.where(I.c.app == app)
    if len(after) == len(key):
        query = query.where(tuple_(*key) > tuple_(*(literal(value) for value in after)))
    return [NamedIdentity(*row) for row in connection.execute(query)]


def assign(connection: Connection, shared_id: SharedId, account_id: str, how: str) -> bool:
    """Take an id from every other account. Returns False, and changes nothing, when this account does not have it."""
    query = select(I.c.account_id).where(_is(shared_id), I.c.account_id == account_id)
    if connection.execute(query).first() is None:
        return False
    connection.execute(delete(I).where(_is(shared_id), I.c.account_id != account_id))
    connection.execute(update(I).where(_is(shared_id)).values(how=how, updated_at=clock.now()))
    return True


def all_cells(connection: Connection) -> list[tuple[str, ...]]:
    """The whole map, each identity as the values of COLUMNS."""
    query = select(*(I.c[name] for name in COLUMNS)).order_by(I.c.account_id, I.c.app, I.c.connection_id, I.c.kind)
    return [tuple(row) for row in connection.execute(query)]


def put(connection: Connection, rows: Sequence[bulk.Row]) -> None:
    """Insert identities; one of the same account, connection and kind gets the new id."""
    bulk.insert(connection, I, rows, columns=_ROW, unique=_KEY, update=("external_id", "how", "updated_at"))


def connections(connection: Connection) -> list[ConnectionApp]:
    """Every connection with its app."""
    return [ConnectionApp(*row) for row in connection.execute(select(C.c.id, C.c.app))]


def apps_of(connection: Connection, account_ids: Sequence[str]) -> dict[str, list[str]]:
    """The apps that know each of these accounts, in alphabetical order."""
    apps: dict[str, list[str]] = {account_id: [] for account_id in account_ids}
    query = select(I.c.account_id, I.c.app).where(I.c.account_id.in_(account_ids)).distinct().order_by(I.c.app)
    for account_id, app in connection.execute(query):
        apps[account_id].append(app)
    return apps


def _is(shared_id: SharedId) -> Any:  # noqa: ANN401 - a condition
    return and_(*(I.c[name] == value for name, value in shared_id._asdict().items()))
