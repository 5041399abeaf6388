"""Tables for a test at once: what the migrations made of the first empty database, every other one gets in one go.

The test process makes thousands of databases, and drawing the tables was a quarter of its time. What is about migrations
themselves is marked `empty_database` and has them run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from tests.postgres import PostgresServer

Migrate = Callable[[Connection], list[str]]
_DRAWN = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"


def drawn_once(to_head: Migrate) -> Migrate:
    """The migration, for SQLite run once and then repeated by its result; PostgreSQL copies a whole database."""
    kept: list[str] = []
    readers: list[str] = []

    def quick(connection: Connection) -> list[str]:
        if connection.dialect.name != "sqlite" or schema.revision(connection) is not None:
            return to_head(connection)
        if not kept:
            readers[:] = to_head(connection)
            kept[:] = connection.execute(text(_DRAWN)).scalars()
            return readers
        for statement in kept:
            connection.exec_driver_sql(statement)
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": schema.head()})
        return readers

    return quick


def template(server: PostgresServer) -> str:
    """The name of a database with all tables and nothing in them, to copy from."""
    name = server.create_database()

    async def draw() -> None:
        database = open_database(server.url(name), Path())
        await schema.upgrade(database)
        await database.close()

    asyncio.run(draw())
    return name
