"""Rotation of the master key while servers run: a new key, everything sealed anew, keys that nothing needs retired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from affluent.store import sealed_secrets as store
from affluent.store.audit.recording import note
from affluent.store.database import Database
from affluent.store.sealed_secrets import SealedSecret
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
            for secret in await self._read(place):
                fresh = sealed_anew(self._vault, secret.sealed, f"{place.context}/{secret.id}")
                if fresh is not None:
                    done += await self._replace(place, secret, fresh)
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
            counted.update(key_id(secret.sealed) for secret in await self._read(place))
        for key in await self._database.read(store.ledger_keys):
            counted[key] += 1
        return dict(counted)

    async def retired(self, key_ids: Sequence[str]) -> None:
        """Note which keys were taken away."""
        await self._database.write(lambda c: note(c, "retired", "master key", subject=", ".join(key_ids)))

    async def _read(self, place: Place) -> list[SealedSecret]:
        return await self._database.read(lambda connection: store.find(connection, place.table, place.column))

    async def _replace(self, place: Place, secret: SealedSecret, sealed: bytes) -> bool:
        return await self._database.write(
            lambda connection: store.replace(connection, place.table, place.column, secret, sealed)
        )
