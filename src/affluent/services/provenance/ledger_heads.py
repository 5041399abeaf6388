"""The ledger's heads, kept in a file outside the database: a chain that was cut off at its end is found by them.

The file is brought up to date by the worker every few minutes, and only while every head in it is still in its chain.
It is sealed with a key of its own, derived from the master key, so whoever has the disk and not the key cannot write one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, make_url, text

from affluent.kit import clock
from affluent.kit.jsons import InvalidJSON, JSONObject, canonical, dumps, loads
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_PURPOSE = "ledger heads"
_LAST = text(
    "SELECT l.chain, l.number, l.hash FROM ledger l"
    " JOIN (SELECT chain, MAX(number) AS number FROM ledger GROUP BY chain) m ON m.number = l.number ORDER BY l.chain"
)
_AT = text("SELECT hash FROM ledger WHERE number = :number")
Heads = dict[str, tuple[int, str]]
"""Chain → the number and the hash of its last row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept, when."""

    at: str
    heads: Heads


class HeadsAltered(Exception):
    """The file is not one that we wrote: it was changed, or its master key is not here."""


class LedgerHeads:
    """The file of one database. Several servers of one PostgreSQL database each keep their own."""

    def __init__(self, *, database: Database, vault: Vault, folder: Path, database_url: str) -> None:
        self._database = database
        self._vault = vault
        self.path = path_of(folder, database_url)

    def read(self) -> Kept | None:
        """What was kept; None when nothing was. Raises HeadsAltered."""
        try:
            content = loads(self.path.read_bytes())
            kept = Kept(at=content["at"], heads={chain: (int(n), str(h)) for chain, (n, h) in content["heads"].items()})
            genuine = hmac.compare_digest(self._seal(kept, content["key_id"]), str(content["seal"]))
        except FileNotFoundError:
            return None
        except (InvalidJSON, CannotOpen, AttributeError, KeyError, TypeError, ValueError) as error:
            raise HeadsAltered from error
        if not genuine:
            raise HeadsAltered
        return kept

    async def keep(self) -> Heads | None:
        """Keep the heads of now; those that are new, or None when the ledger was cut off: the file then stays as it is."""
        try:
            kept = self.read()
        except HeadsAltered:
            return None
        before = kept.heads if kept else {}
        heads = await self._database.read(lambda connection: _read(connection, before))
        if heads is None:
            return None
        fresh = {chain: head for chain, head in heads.items() if before.get(chain) != head}
        if fresh:
            self._write(Kept(at=clock.now().isoformat(timespec="seconds"), heads=heads))
        return fresh

    def _write(self, kept: Kept) -> None:
        key_id = self._vault.current
        heads = {chain: [number, last] for chain, (number, last) in kept.heads.items()}
        content: JSONObject = {"at": kept.at, "heads": heads, "key_id": key_id, "seal": self._seal(kept, key_id)}
        partial = self.path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dumps(content).encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    def _seal(self, kept: Kept, key_id: str) -> str:
        heads = [[chain, number, last] for chain, (number, last) in sorted(kept.heads.items())]
        return hmac.new(self._vault.derive(_PURPOSE, key_id), canonical([kept.at, heads]), hashlib.sha256).hexdigest()


def path_of(folder: Path, database_url: str) -> Path:
    """The file of a database, whoever opens it and wherever its folder was moved to."""
    return folder / f"ledger-heads-{_name(database_url)}.json"


def set_aside(folder: Path, database_url: str) -> None:
    """An older database was put in place on purpose: what was kept of the one before it is no proof against it."""
    path = path_of(folder, database_url)
    if path.exists():
        path.replace(path.with_suffix(".json.before-restore"))


def _read(connection: Connection, before: Mapping[str, tuple[int, str]]) -> Heads | None:
    for number, last in before.values():
        if connection.execute(_AT, {"number": number}).scalar() != last:
            return None
    return {row.chain: (row.number, row.hash) for row in connection.execute(_LAST)}


def _name(database_url: str) -> str:
    if not database_url:
        return "embedded"
    url = make_url(database_url)
    place = url.database or "" if url.host is None else f"{url.host}:{url.port}/{url.database}"
    return hashlib.sha256(place.encode()).hexdigest()[:12]
