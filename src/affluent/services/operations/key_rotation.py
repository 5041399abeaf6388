"""Rotation of the master key while servers run: a new key, everything sealed anew, keys that nothing needs retired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from affluent.store import metadata
from affluent.store.audit.recording import UNAUDITED, note
from affluent.store.database import Database
from affluent.vault.envelope import Vault, key_id
from affluent.vault.rotation import PLACES, Place, sealed_anew

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was done: how many secrets were sealed anew, and how often each master key is used now."""

    current: str
    sealed_anew: int
    uses: dict[str, int]


class Rotation:
    """Use cases of the master key."""

    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def reseal(self) -> Rotated:
        """Seal every secret that is under another key anew under the current one. What changes meanwhile is left as it is."""
        done = 0
        for place in PLACES:
            for identity, sealed in await self._read(place):
                fresh = sealed_anew(self._vault, sealed, f"{place.context}/{identity}")
                if fresh is not None:
                    done += await self._replace(place, identity, sealed, fresh)
        uses = await self.uses()
        current = self._vault.current
        if done:
            await self._database.write(
                lambda c: note(c, "rotated", "master key", subject=current, sealed_anew=done, uses=dict(uses))
            )
        return Rotated(current=current, sealed_anew=done, uses=uses)

    async def uses(self) -> dict[str, int]:
        """How many secrets, and how many seals of the ledger, each master key is needed for."""
        counted: Counter[str] = Counter()
        for place in PLACES:
            counted.update(key_id(sealed) for _, sealed in await self._read(place))
        for key in await self._database.read(_ledger_keys):
            counted[key] += 1
        return dict(counted)

    async def retired(self, key_ids: Sequence[str]) -> None:
        """Note which keys were taken away."""
        await self._database.write(lambda c: note(c, "retired", "master key", subject=", ".join(key_ids)))

    async def _read(self, place: Place) -> list[tuple[str, bytes]]:
        sql = text(f"SELECT id, {place.column} FROM {place.table} WHERE {place.column} IS NOT NULL ORDER BY id")
        return await self._database.read(lambda c: [(row[0], bytes(row[1])) for row in c.execute(sql)])

    async def _replace(self, place: Place, identity: str, old: bytes, new: bytes) -> int:
        # Said in SQL, so that the audit log does not tell of changed credentials: it is the same secret.
        sql = text(f"UPDATE {place.table} SET {place.column} = :new WHERE id = :id AND {place.column} = :old")
        sql = sql.execution_options(**{UNAUDITED: True})
        values = {"new": new, "id": identity, "old": old}
        return await self._database.write(lambda c: int(c.execute(sql, values).rowcount))


def _ledger_keys(connection: Connection) -> list[str]:
    if "key_id" not in metadata().tables["ledger"].columns:
        return []
    return [str(row[0]) for row in connection.execute(text("SELECT DISTINCT key_id FROM ledger"))]
