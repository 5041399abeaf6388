"""The schema of a database: migrations, and PgQueuer's own tables on PostgreSQL.

A database remembers which releases may work on it: the one that migrated it last, and those before it as long as the
migrations in between only added (`expands = True` in the migration). So servers and workers of two releases may work side by
side while they are restarted one after the other, and one that is too old says so instead of starting.

    SchemaMismatch          this release must not use the database as it is
    ├── TooNew              a newer release changed it in a way that this one cannot read
    ├── Behind              it must be migrated first, and a start was asked not to
    └── Busy                others hold its tables, so it could not be migrated now
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from affluent.store import tables
from affluent.store.audit import append_only
from affluent.store.database import Database
from affluent.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_LOCK = 7_244_001
_LOCK_WAIT = "5s"
_LOCK_TRIES = 6
_NO_LOCK = "55P03"
_LINK = re.compile(r'^(revision|down_revision)\b.*= "(\w+)"', re.MULTILINE)
_MARK = "schema"


class SchemaMismatch(Exception):
    """This release must not use the database as it is; the message says why and what to do."""


class TooNew(SchemaMismatch):
    """A newer release changed the database in a way that this one cannot read."""


class Behind(SchemaMismatch):
    """The database must be migrated first, and a start was asked not to do it."""


class Busy(SchemaMismatch):
    """Others held tables of the database for too long, so that nothing was migrated."""


async def upgrade(database: Database, *, migrate: bool = True) -> bool:
    """Bring the schema to this release's state, or with migrate=False only see that it is there.

    Safe to call from many processes at once. False: a newer release has been here, and this one may work beside it.
    Raises SchemaMismatch.
    """
    act = _upgrade if migrate else _compare
    if isinstance(database, SqliteDatabase):
        sqlite = database.engine
        return await asyncio.to_thread(lambda: _upgrade_sqlite(sqlite.connect(), act))
    from affluent.store.postgres import PostgresDatabase  # noqa: PLC0415 - a driver that SQLite does not need

    if not isinstance(database, PostgresDatabase):
        raise TypeError(type(database).__name__)
    try:
        is_ours = await _upgrade_postgres(database.engine, act)
    except BaseException:
        await database.engine.dispose()  # nobody closes what could not be opened
        raise
    await install_queue(database.url)
    return is_ours


async def _upgrade_postgres(engine: AsyncEngine, act: Callable[[Connection], bool]) -> bool:
    """Wait a little for tables that others work with, never long: whoever comes after us would wait behind us."""
    for _ in range(_LOCK_TRIES):
        try:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                await connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
                return await connection.run_sync(act)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_LOCK:
                raise
    raise Busy(
        "The database could not be migrated: others hold its tables. Nothing was changed. End long transactions, e.g. a"
        " dump that is going on, and run `affluent migrate` again."
    )


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
    current: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return current


@cache
def head() -> str:
    """The revision of this release: the migration that none comes after."""
    before = set(_links().values())
    return next(name for name in _links() if name not in before)


@cache
def _links() -> dict[str, str]:
    """Revision → the one before it, of every migration of this release."""
    files = sorted((Path(__file__).parent / "migrations" / "versions").glob("*.py"))
    migrations = [dict(_LINK.findall(file.read_text())) for file in files]
    return {migration["revision"]: migration.get("down_revision", "") for migration in migrations}


def is_newer(connection: Connection) -> bool:
    """Whether a newer release migrated the database, so that this one may work beside it. Raises TooNew when it may not."""
    current = revision(connection)
    if current is None or current in _links():
        return False
    mark = connection.execute(select(tables.notes.c.value).where(tables.notes.c.key == _MARK)).scalar() or {}
    if mark.get("at") != current or head() not in mark["readers"]:
        raise TooNew(
            f"The database is at {current}, which a newer release made; this release knows up to {head()} and cannot use it."
            " Install the newer release here, too, or restore the backup made before the upgrade."
        )
    return True


def unmark(connection: Connection) -> None:
    """Forget which releases may work here: a copy of another database brings its own mark."""
    connection.execute(delete(tables.notes).where(tables.notes.c.key == _MARK))


def _upgrade_sqlite(connection: Connection, act: Callable[[Connection], bool]) -> bool:
    with connection:
        connection.info["begin"] = "BEGIN IMMEDIATE"  # another process may be at it: it goes first, or waits
        try:
            with connection.begin():
                return act(connection)
        finally:
            connection.info.pop("begin")


def _upgrade(connection: Connection) -> bool:
    if revision(connection) == head():
        return True
    if is_newer(connection):
        return False
    from affluent.store.schema import alembic_runner as migrating  # noqa: PLC0415 - Alembic takes 10 MB, and most starts find nothing to do

    readers = migrating.to_head(connection)
    append_only.guard(connection)
    unmark(connection)
    connection.execute(insert(tables.notes).values(key=_MARK, value={"at": head(), "readers": readers}))
    return True


def _compare(connection: Connection) -> bool:
    if revision(connection) == head():
        return True
    if is_newer(connection):
        return False
    raise Behind(
        f"The database is at {revision(connection) or 'nothing'}, this release needs {head()}, and AFFLUENT_MIGRATE is off."
        " Run `affluent migrate`, then start again."
    )
