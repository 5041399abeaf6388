"""A tracker's connection with facts in a store, as events and answers leave them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert

from affluent.domain.money.facts import Fact
from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.store import facts as store
from affluent.store import tables
from affluent.store.database import Database
from affluent.vault.envelope import Vault

TRACKER = "con_tracker"


async def keep_tracker(database: Database, vault: Vault, *, id_: str = TRACKER, name: str = "Main account") -> str:
    """A connection to FirstPromoter; returns its id."""
    now = clock.now()
    secrets = vault.seal(dumps({"api_key": "a-key"}).encode(), f"connections/{id_}")
    values = {
        "id": id_, "app": "firstpromoter", "name": name, "fields": {}, "secrets": secrets, "version": 1,
        "status": "active", "status_reason": "", "created_at": now, "updated_at": now,
    }  # fmt: skip
    await database.write(lambda connection: connection.execute(insert(tables.connections).values(**values)))
    return id_


async def keep_facts(database: Database, facts: Sequence[Fact]) -> None:
    """Facts, as if an event had said them."""
    await database.write(lambda connection: store.add(connection, [("event:evt_1", facts)]))
