"""Sealed secrets, wherever they are kept: read and replaced when the master key is rotated."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from affluent.store import metadata
from affluent.store.audit.recording import UNAUDITED


class SealedSecret(NamedTuple):
    """A secret and the id of its row."""

    id: str
    sealed: bytes


def find(connection: Connection, table: str, column: str) -> list[SealedSecret]:
    """The secrets in a column, by id."""
    sql = text(f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY id")
    return [SealedSecret(row[0], bytes(row[1])) for row in connection.execute(sql)]


def replace(connection: Connection, table: str, column: str, old: SealedSecret, sealed: bytes) -> bool:
    """Replace a secret unless it was changed meanwhile. Returns whether it was replaced.

    The audit log records nothing, because it is the same secret under another key.
    """
    sql = text(f"UPDATE {table} SET {column} = :new WHERE id = :id AND {column} = :old")
    sql = sql.execution_options(**{UNAUDITED: True})
    return connection.execute(sql, {"new": sealed, "id": old.id, "old": old.sealed}).rowcount == 1


def ledger_keys(connection: Connection) -> list[str]:
    """The master keys with which blocks of the ledger are sealed."""
    if "key_id" not in metadata().tables["ledger"].columns:
        return []
    return [str(key) for key in connection.execute(text("SELECT DISTINCT key_id FROM ledger")).scalars()]
