"""Each migration, applied to a filled database: no row lost, no difference to the code left, harmless to repeat or to kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, select

from affluent.store import metadata, tables
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import alembic_runner as migrating
from affluent.store.schema import upgrade as schema
from affluent.store.sqlite import SqliteDatabase
from tests.support.filling import columns, contents, fill

QUEUE_OF_PGQUEUER = ("pgqueuer",)
pytestmark = pytest.mark.empty_database
SCRIPTS: list[Script] = list(ScriptDirectory.from_config(migrating.config()).walk_revisions())[::-1]


def differences(connection: Connection, wanted: MetaData | None = None) -> list[Any]:
    """What Alembic would still change, PgQueuer's own tables aside."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name is not None and name.startswith(QUEUE_OF_PGQUEUER))

    context = MigrationContext.configure(connection, opts={"include_name": ours})
    return list(compare_metadata(context, wanted or metadata()))


async def migrated(database: Database, revision: str | None) -> None:
    """Bring a database to a revision; None: not at all."""
    if revision is None:
        return

    def to(connection: Connection) -> None:
        settings = migrating.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)

    if isinstance(database, SqliteDatabase):
        await asyncio.to_thread(_on_sqlite, database, to)
        return
    async with database.engine.begin() as connection:  # type: ignore[attr-defined]  # PostgreSQL's
        await connection.run_sync(to)


def _on_sqlite(database: SqliteDatabase, act: Callable[[Connection], None]) -> None:
    with database.engine.begin() as connection:
        act(connection)


async def test_all_migrations_give_the_tables_that_the_code_knows(database_url: str) -> None:
    async with opened(database_url, 1) as (database,):
        await schema.upgrade(database)
        assert await database.read(differences) == []
        assert await database.read(schema.revision) == schema.head()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
async def test_a_migration_loses_no_row_of_a_filled_database(database_url: str, script: Script) -> None:
    async with opened(database_url, 1) as (database,):
        await migrated(database, script.down_revision)
        await database.write(fill)
        before, there = await database.read(contents), await database.read(columns)
        await migrated(database, script.revision)
        after, now = await database.read(contents), await database.read(columns)
        assert {name: after[name][0] for name in before} == {name: count for name, (count, _) in before.items()}
        if script.module.expands:
            kept = await database.read(lambda connection: contents(connection, there))
            assert {name: kept[name] for name in before} == before
            assert [name for name, names in there.items() if not set(names) <= set(now[name])] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
async def test_from_each_revision_the_way_to_this_release_ends_at_its_tables(database_url: str, script: Script) -> None:
    async with opened(database_url, 1) as (database,):
        await migrated(database, script.down_revision)
        await database.write(fill)
        await schema.upgrade(database)
        assert await database.read(differences) == []
        assert await database.read(schema.revision) == schema.head()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
def test_a_migration_says_whether_it_only_adds(script: Script) -> None:
    assert isinstance(script.module.expands, bool)


async def test_migrating_a_filled_database_again_changes_nothing(database_url: str) -> None:
    async with opened(database_url, 1) as (database,):
        await schema.upgrade(database)
        counts = await database.write(fill)
        assert len(counts) > 30
        before = await database.read(contents)
        for _ in range(2):
            await schema.upgrade(database)
        assert await database.read(contents) == before


async def test_many_processes_may_migrate_at_once_and_again(database_url: str) -> None:
    async with opened(database_url, 3) as databases:
        await asyncio.gather(*(schema.upgrade(database) for database in databases))
        await schema.upgrade(databases[0])
        assert await databases[0].read(schema.revision) == schema.head()


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from alembic.operations import Operations
from affluent.store.schema import upgrade as schema
from affluent.store.open import open_database

left = int(sys.argv[2])

def dying(original):
    def act(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)
    return act

Operations.create_table = dying(Operations.create_table)
schema.append_only.guard = dying(schema.append_only.guard)
schema.install_queue = dying(schema.install_queue)
asyncio.run(schema.upgrade(open_database(sys.argv[1], Path())))
"""


@pytest.mark.parametrize("after", ["first table", "many tables", "all tables", "everything"])
async def test_a_migration_that_is_killed_half_done_is_undone_or_goes_on(database_url: str, after: str) -> None:
    number = len(metadata().tables)
    calls = {"first table": 1, "many tables": number // 2, "all tables": number, "everything": number + 1}[after]
    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DYING, database_url, str(calls)], capture_output=True, check=False
    )
    is_last_of_sqlite = after == "everything" and database_url.startswith("sqlite")
    assert died.returncode == (0 if is_last_of_sqlite else -signal.SIGKILL), died.stderr.decode()
    async with opened(database_url, 1) as (database,):
        names = await database.read(lambda connection: inspect(connection).get_table_names())
        assert bool(names) == (after == "everything")
        await schema.upgrade(database)
        assert await database.read(differences) == []
        assert await database.read(schema.revision) == schema.head()
        if database.dialect == "postgresql":
            assert await database.read(lambda connection: inspect(connection).has_table("pgqueuer"))


async def test_a_table_that_somebody_holds_is_waited_for_a_little_and_then_said(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_WAIT", "50ms")
    monkeypatch.setattr(schema, "_LOCK_TRIES", 2)
    monkeypatch.setattr(migrating, "to_head", _altering)
    async with opened(postgresql_url, 2) as (database, other):
        await schema.upgrade(database)
        monkeypatch.setattr(schema, "head", lambda: "later")
        async with other.engine.begin() as connection:  # type: ignore[attr-defined]  # PostgreSQL's
            await connection.execute(select(tables.notes))
            with pytest.raises(schema.Busy, match="Nothing was changed"):
                await schema.upgrade(database)
        assert await schema.upgrade(database)


def _altering(connection: Connection) -> list[str]:
    """A migration that takes a table for itself."""
    if schema.revision(connection) is None:
        settings = migrating.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        return [schema.head()]
    connection.exec_driver_sql("ALTER TABLE notes ADD COLUMN more text")
    return ["later"]


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
