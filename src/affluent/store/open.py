"""Opens the database of a URL: empty means SQLite in a file."""

from __future__ import annotations

from pathlib import Path

from affluent.store.database import Database
from affluent.store.sqlite import SqliteDatabase


class BadDatabaseUrl(ValueError):
    """The URL names no database that we can use; the message says which ones we can."""


def open_database(url: str, sqlite_path: Path) -> Database:
    """The database, not yet connected. Accepts "", sqlite:///path and postgresql://…; raises BadDatabaseUrl otherwise."""
    if not url:
        return SqliteDatabase(sqlite_path)
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        from affluent.store.postgres import PostgresDatabase  # noqa: PLC0415 - a driver that SQLite does not need

        return PostgresDatabase("postgresql://" + url.split("://", 1)[1])
    raise BadDatabaseUrl(
        f"database_url must start with postgresql:// or sqlite:///, not {url.split(':', maxsplit=1)[0]!r}"
    )
