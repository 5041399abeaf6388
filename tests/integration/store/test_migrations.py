"""The migrations, all applied, give exactly the tables that the code knows; applying them again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from affluent.store import metadata, schema
from affluent.store.database import Database
from affluent.store.open import open_database

QUEUE_OF_PGQUEUER = ("pgqueuer",)


def differences(connection: Connection) -> list[Any]:
    """What Alembic would still change, PgQueuer's own tables aside."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name is not None and name.startswith(QUEUE_OF_PGQUEUER))

    context = MigrationContext.configure(connection, opts={"include_name": ours})
    return list(compare_metadata(context, metadata()))


async def test_all_migrations_give_the_tables_that_the_code_knows(database_url: str) -> None:
    async with opened(database_url, 1) as (database,):
        await schema.upgrade(database)
        assert await database.read(differences) == []
        assert await database.read(schema.revision) == schema.head()


async def test_many_processes_may_migrate_at_once_and_again(database_url: str) -> None:
    async with opened(database_url, 3) as databases:
        await asyncio.gather(*(schema.upgrade(database) for database in databases))
        await schema.upgrade(databases[0])
        assert await databases[0].read(schema.revision) == schema.head()


@asynccontextmanager
async def opened(url: str, count: int) -> AsyncIterator[list[Database]]:
    """The same database, as so many processes would hold it."""
    databases = [open_database(url, Path()) for _ in range(count)]
    for database in databases:
        await database.open()
    try:
        yield databases
    finally:
        for database in databases:
            await database.close()
