"""The schema of a database: migrations, and PgQueuer's own tables on PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy import Connection, text

from affluent.store.database import Database
from affluent.store.postgres import PostgresDatabase
from affluent.store.sqlite import SqliteDatabase

_LOCK = 7_244_001


async def upgrade(database: Database) -> None:
    """Bring the schema to this release's state. Safe to call from many processes at once."""
    if isinstance(database, SqliteDatabase):
        sqlite = database.engine
        await asyncio.to_thread(lambda: _upgrade_sqlite(sqlite.connect()))
    elif isinstance(database, PostgresDatabase):
        async with database.engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
        await install_queue(database.url)


async def install_queue(url: str) -> None:
    """Create PgQueuer's tables when they are missing."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if await connection.fetchval("SELECT to_regclass('pgqueuer')") is None:
                await connection.execute(QueryBuilderEnvironment().build_install_query())
    finally:
        await connection.close()


def revision(connection: Connection) -> str | None:
    """The revision that the database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The revision of this release."""
    return ScriptDirectory.from_config(config()).get_current_head()


def config() -> Config:
    """Alembic's configuration, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return made


def _upgrade_sqlite(connection: Connection) -> None:
    with connection, connection.begin():
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    if revision(connection) == head():
        return
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
