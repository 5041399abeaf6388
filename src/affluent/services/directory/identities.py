"""The id map: every system's id of an account, and how we know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from affluent.catalog import Catalog
from affluent.store import identities as store
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
        rows = await self._database.read(
            lambda connection: store.find(
                connection, account_id=account_id, external_id=external_id, app=app, limit=min(limit, 500)
            )
        )
        return [IdentityView(**row._asdict(), link=self._link(row.app, row.kind, row.external_id)) for row in rows]

    def _link(self, app: str, kind: str, external_id: str) -> str:
        known = self._catalog.apps.get(app)
        pattern = known.deep_links.get(kind, "") if known else ""
        return pattern.replace("{id}", external_id)
