"""The ledger: every event, run and outcome leaves a digest, and each commit seals its digests onto a hash chain.

A note costs one digest; a commit costs one hash and one row, however many notes it holds. SQLite has one chain. On
PostgreSQL commits run side by side, so each goes onto a chain of its own process that nobody else holds just then; the
row's number, from a sequence, says in which order two commits changed the same row. The hash is keyed from the master key:
whoever can write to the database alone cannot seal.

Notes: ["e", event, digest] · ["q", run, digest] queued · ["s", run, state] ended, or open again · ["i", effect] intended
· ["f", effect, digest] its fate · ["d", statement or snapshot, digest]
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import canonical, dumps
from affluent.store.bulk import Row
from affluent.store.database import NOTES, on_commit

Note = list[str]
OPEN = "open"
MAIN = "main"
EVENT = (
    "id", "source", "external_id", "app", "type", "account_id", "customer_id", "amount_minor", "currency",
    "occurred_at", "payload",
)  # fmt: skip
RUN = ("id", "event_id", "flow_id", "flow_version", "flow_connection_id", "replay_of", "amount_minor", "currency")
EFFECT = (
    "key", "app", "action", "connection_id", "kind", "fate", "event_id", "account_id", "amount_minor", "currency",
    "input", "output", "sentence",
)  # fmt: skip
_PACKED = frozenset({"input", "output"})
_LAST = text("SELECT hash FROM ledger WHERE chain = 'main' ORDER BY number DESC LIMIT 1")
_APPEND = text(
    "INSERT INTO ledger (chain, previous, hash, key_id, at, body) VALUES (:chain, :previous, :hash, :key_id, :at, :body)"
)


class Sealer:
    """Called by the database at the end of every writing transaction, before it commits."""

    def __init__(self, key: bytes, key_id: str) -> None:
        self._key = key
        self._key_id = key_id
        self._free: list[tuple[str, str]] = []

    def seal(self, connection: Connection) -> None:
        """Put the notes of this transaction onto a chain; without notes nothing is done."""
        notes = connection.info.pop(NOTES, None)
        if not notes:
            return
        is_shared = connection.dialect.name == "postgresql"
        chain, previous = self._own_chain() if is_shared else (MAIN, connection.execute(_LAST).scalar() or "")
        at, body = clock.to_micros(clock.now()), dumps(notes)
        sealed = seal(self._key, chain, previous, at, body)
        values = {"chain": chain, "previous": previous, "hash": sealed, "key_id": self._key_id, "at": at, "body": body}
        connection.execute(_APPEND, values)
        if is_shared:  # a chain whose commit has no answer is not gone on with
            on_commit(connection, lambda: self._free.append((chain, sealed)))

    def _own_chain(self) -> tuple[str, str]:
        return self._free.pop() if self._free else (new_id("chn"), "")


def seal(key: bytes, chain: str, previous: str, at: int, body: str) -> str:
    """The hash of one row of a chain."""
    return hmac.new(key, f"{chain}\n{previous}\n{at}\n{body}".encode(), hashlib.sha256).hexdigest()


def accepted(connection: Connection, rows: Iterable[Row]) -> None:
    """Events that are new."""
    _notes(connection).extend(["e", row["id"], digest(row, EVENT)] for row in rows)


def forgotten(connection: Connection, rows: Iterable[Row]) -> None:
    """Events without their payloads from now on: the last digest of an event counts."""
    accepted(connection, rows)


def queued(connection: Connection, rows: Iterable[Row]) -> None:
    """Runs that are new."""
    _notes(connection).extend(["q", row["id"], digest(row, RUN)] for row in rows)


def moved(connection: Connection, states: Iterable[tuple[str, str]]) -> None:
    """(run, state) of runs that ended, or are OPEN again."""
    _notes(connection).extend(["s", run_id, state] for run_id, state in states)


def intended(connection: Connection, keys: Iterable[str]) -> None:
    """Effects that are about to be sent."""
    _notes(connection).extend(["i", key] for key in keys)


def settled(connection: Connection, rows: Iterable[Row]) -> None:
    """Effects with their fates."""
    _notes(connection).extend(["f", row["key"], digest(row, EFFECT)] for row in rows)


def reread(connection: Connection, key: str) -> None:
    """An effect as it stands now, of which only a part was changed."""
    row = connection.execute(text(f"SELECT {', '.join(EFFECT)} FROM effects WHERE key = :key"), {"key": key}).one()
    values = dict(zip(EFFECT, row, strict=True))
    packed = {name: Raw(values[name]) for name in _PACKED if values[name] is not None}
    _notes(connection).append(["f", key, digest({**values, **packed}, EFFECT)])


def taken(connection: Connection, id_: str, content_digest: str) -> None:
    """The digest of a snapshot or statement."""
    _notes(connection).append(["d", id_, content_digest])


def digest(row: Any, columns: Sequence[str]) -> str:  # noqa: ANN401 - a mapping of a row's values, packed or not
    """What a row hashes to: 128 bits, the same of what is about to be written and of what is read back."""
    values = [_plain(name, row[name]) for name in columns]
    return hashlib.sha256(canonical(values)).hexdigest()[:32]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - a column's value
    if name in _PACKED and value is not None and not isinstance(value, Raw):
        return dumps(value)
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


class Raw(str):
    """A JSON column as the store holds it: packed already."""

    __slots__ = ()


def _notes(connection: Connection) -> list[Note]:
    notes: list[Note] = connection.info.setdefault(NOTES, [])
    return notes
