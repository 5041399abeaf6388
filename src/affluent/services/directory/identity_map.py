"""The id map as a whole: conflicts found and settled, and the map as a CSV file, out and in."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from affluent.catalog import Catalog
from affluent.kit import clock
from affluent.services.errors import Invalid, NotFound
from affluent.services.reconciliation.csv_export import safe
from affluent.store import identities as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database

COLUMNS = store.COLUMNS
_MOST = 100_000
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConflict:
    """One id of a vendor that stands for several accounts."""

    app: str
    kind: str
    external_id: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """One system's id of an account, with what people call both."""

    account_id: str
    account_name: str
    app: str
    connection_id: str
    connection_name: str
    kind: str
    external_id: str
    how: str
    link: str
    """Deep link into the vendor's dashboard; empty when there is none."""
    updated_at: datetime


class IdentityMap:
    """Use cases of the whole map."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    async def conflicts(self, *, limit: int = 200) -> list[IdentityConflict]:
        """Ids that stand for several accounts, those aside that many may share (e.g. the promoter who referred them)."""
        may_be_shared = [(app.key, kind) for app in self._catalog.apps.values() for kind in app.shared_identities]

        def unit(connection: Connection) -> list[IdentityConflict]:
            shared = store.shared(connection, but=may_be_shared, limit=limit)
            return [_conflict(shared_id, store.accounts_of(connection, shared_id)) for shared_id in shared]

        return await self._database.read(unit)

    async def page(
        self, *, q: str = "", app: str = "", limit: int = 50, after: Sequence[str] = ()
    ) -> tuple[list[IdentityRow], tuple[str, ...]]:
        """Identities by account, whose account, vendor's id or customer is `q`, and the keys to go on after."""
        rows = await self._database.read(
            lambda connection: store.page(connection, q=q, app=app, limit=limit + 1, after=after)
        )
        links = [self._row(row) for row in rows[:limit]]
        last = links[-1] if len(rows) > limit else None
        return links, (last.account_id, last.connection_id, last.kind) if last else ()

    def _row(self, row: store.NamedIdentity) -> IdentityRow:
        app = self._catalog.apps.get(row.app)
        link = app.deep_links.get(row.kind, "").replace("{id}", row.external_id) if app else ""
        return IdentityRow(
            account_id=row.account_id,
            account_name=row.account_name or "",
            app=row.app,
            connection_id=row.connection_id,
            connection_name=row.connection_name or "",
            kind=row.kind,
            external_id=row.external_id,
            how=row.how,
            link=link,
            updated_at=row.updated_at,
        )

    async def merge(self, *, app: str, kind: str, external_id: str, account_id: str, author: str) -> IdentityConflict:
        """Say whose id it is: the other accounts lose it. Raises NotFound when this account never had it."""
        shared_id = store.SharedId(app=app, kind=kind, external_id=external_id)

        def unit(connection: Connection) -> IdentityConflict:
            if not store.assign(connection, shared_id, account_id, f"merged by {author}"):
                raise NotFound(f"The account {account_id} is not known as {kind} {external_id}.", field="account_id")
            return _conflict(shared_id, [account_id])

        return await self._database.write(alone(unit))

    async def export(self) -> str:
        """The map as CSV."""
        rows = await self._database.read(store.all_cells)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows([[safe(value) for value in row] for row in rows])
        return out.getvalue()

    async def take(self, text: str, *, author: str) -> int:
        """Take a CSV with at least account_id, kind, external_id and connection_id or app: all lines, or none.

        Raises Invalid with every wrong line.
        """
        return await self._database.write(alone(lambda connection: self._take(connection, text, author)))

    def _take(self, connection: Connection, text: str, author: str) -> int:
        links = store.connections(connection)
        problems: list[tuple[str, str]] = []
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        now = clock.to_micros(clock.now())
        for number, given in enumerate(_read(text), start=2):
            where = f"line {number}"
            link = _link(links, given)
            wrong = [n for n in ("account_id", "kind", "external_id") if not 0 < len(given.get(n, "")) <= _LONGEST]
            if wrong:
                problems.append((where, f"{wrong[0]} must have 1 to {_LONGEST} characters."))
            elif link is None:
                problems.append((where, "Name a connection_id that exists, or an app with exactly one connection."))
            else:
                key = (given["account_id"], link.id, given["kind"])
                own = {"app": link.app, "external_id": given["external_id"], "how": f"imported by {author}"}
                names = dict(zip(("account_id", "connection_id", "kind"), key, strict=True))
                rows[key] = {**names, **own, "created_at": now, "updated_at": now}
        if problems:
            raise Invalid("Nothing was imported: some lines are wrong.", field="csv", problems=problems[:100])
        store.put(connection, list(rows.values()))
        return len(rows)


def _conflict(shared_id: store.SharedId, account_ids: Sequence[str]) -> IdentityConflict:
    return IdentityConflict(**shared_id._asdict(), account_ids=tuple(account_ids))


def _read(text: str) -> list[dict[str, str]]:
    if "\x00" in text:
        raise Invalid("The file must not contain the character U+0000.", field="csv")
    try:
        lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        raise Invalid(f"The file is not CSV: {error}.", field="csv") from error
    if not lines:
        raise Invalid("The file holds no line. Its first line names the columns: " + ", ".join(COLUMNS), field="csv")
    missing = {"account_id", "kind", "external_id"} - lines[0].keys()
    if missing:
        raise Invalid(f"The column {min(missing)} is missing.", field="csv")
    if len(lines) > _MOST:
        raise Invalid(f"At most {_MOST} lines at once.", field="csv")
    return [{name: _plain(value) for name, value in line.items() if name} for line in lines]


def _plain(value: Any) -> str:  # noqa: ANN401 - a cell, or None where a line is short
    """A cell without the mark that keeps spreadsheets from computing it."""
    text = str(value or "").strip()
    return text[1:] if text.startswith("'") and safe(text[1:]) == text else text


def _link(links: Sequence[store.ConnectionApp], given: dict[str, str]) -> store.ConnectionApp | None:
    if given.get("connection_id"):
        return next((link for link in links if link.id == given["connection_id"]), None)
    fitting = [link for link in links if link.app == given.get("app")]
    return fitting[0] if len(fitting) == 1 else None
