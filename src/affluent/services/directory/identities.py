"""The id map: every system's id of an account, and how we know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from affluent.catalog import Catalog
from affluent.store import tables
from affluent.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityView:
    """One system's id of an account."""

    account_id: str
    app: str
    connection_id: str
    kind: str
    external_id: str
    how: str
    link: str
    """Deep link into the vendor's dashboard; empty when there is none."""
    created_at: datetime
    updated_at: datetime


class Identities:
    """Use cases of the id map."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    async def find(
        self, *, account_id: str = "", external_id: str = "", app: str = "", limit: int = 100
    ) -> Sequence[IdentityView]:
        """Identities of an account, or of a vendor's id."""
        table = tables.identities
        query = select(table).order_by(table.c.account_id, table.c.app, table.c.kind).limit(min(limit, 500))
        for column, value in ((table.c.account_id, account_id), (table.c.external_id, external_id), (table.c.app, app)):
            if value:
                query = query.where(column == value)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [IdentityView(**row._mapping, link=self._link(row.app, row.kind, row.external_id)) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def _link(self, app: str, kind: str, external_id: str) -> str:
        known = self._catalog.apps.get(app)
        pattern = known.deep_links.get(kind, "") if known else ""
        return pattern.replace("{id}", external_id)
