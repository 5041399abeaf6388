"""The schema of a database: migrations, and PgQueuer's own tables on PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from affluent.store import append_only
from affluent.store.database import Database
from affluent.store.sqlite import SqliteDatabase

_LOCK = 7_244_001
_LINK = re.compile(r'^(revision|down_revision)\b.*= "(\w+)"', re.MULTILINE)


async def upgrade(database: Database) -> None:
    """Bring the schema to this release's state. Safe to call from many processes at once."""
    if isinstance(database, SqliteDatabase):
        sqlite = database.engine
        await asyncio.to_thread(lambda: _upgrade_sqlite(sqlite.connect()))
        return
    from affluent.store.postgres import PostgresDatabase  # noqa: PLC0415 - a driver that SQLite does not need

    if isinstance(database, PostgresDatabase):
        async with database.engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
        await install_queue(database.url)


async def install_queue(url: str) -> None:
    """Create PgQueuer's tables when they are missing."""
    import asyncpg  # noqa: PLC0415 - a driver that SQLite does not need
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment  # noqa: PLC0415 - as above

    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if await connection.fetchval("SELECT to_regclass('pgqueuer')") is None:
                await connection.execute(QueryBuilderEnvironment().build_install_query())
    finally:
        await connection.close()


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None: it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


@cache
def head() -> str:
    """The revision of this release: the migration that none comes after."""
    files = sorted((Path(__file__).parent / "migrations" / "versions").glob("*.py"))
    links = [_LINK.findall(file.read_text()) for file in files]
    before = {value for found in links for name, value in found if name == "down_revision"}
    after = [str(value) for found in links for name, value in found if name == "revision" and value not in before]
    return after[0]


def _upgrade_sqlite(connection: Connection) -> None:
    with connection:
        connection.info["begin"] = "BEGIN IMMEDIATE"  # another process may be at it: it goes first, or waits
        try:
            with connection.begin():
                _upgrade(connection)
        finally:
            connection.info.pop("begin")


def _upgrade(connection: Connection) -> None:
    if revision(connection) == head():
        return
    from affluent.store import migrating  # noqa: PLC0415 - Alembic takes 10 MB, and most starts find nothing to do

    migrating.to_head(connection)
    append_only.guard(connection)
