"""The schema of a database: migrated once, and recognised as up to date without Alembic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from affluent.store.schema.alembic_runner import config

pytestmark = pytest.mark.empty_database


async def test_a_new_database_is_brought_to_this_release(database_url: str) -> None:
    database = open_database(database_url, Path("unused"))
    await database.open()
    await schema.upgrade(database)
    await schema.upgrade(database)
    assert await database.read(schema.revision) == schema.head()
    await database.close()


async def test_a_database_without_tables_has_no_revision(database_url: str) -> None:
    database = open_database(database_url, Path("unused"))
    await database.open()
    assert await database.read(schema.revision) is None
    await database.close()


def test_the_newest_migration_is_the_one_alembic_finds() -> None:
    assert schema.head() == ScriptDirectory.from_config(config()).get_current_head()


def test_a_start_on_sqlite_loads_no_postgresql_driver_no_alembic_and_no_terminal_toolkit() -> None:
    unwanted = ("alembic", "asyncpg", "pgqueuer", "prompt_toolkit")
    program = f"import sys, affluent.cli; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
