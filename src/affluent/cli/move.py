"""`affluent move --to postgresql://…`: from the embedded database to PostgreSQL, all of it or nothing, proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Connection

from affluent.cli.options import AsJson, DataDir, settings_with
from affluent.cli.output import MISUSED, console, fail, say_json
from affluent.cli.progress import progress
from affluent.cli.run import run
from affluent.server.process import CannotStart, hold
from affluent.settings import Settings
from affluent.store import moving
from affluent.store.schema import upgrade as schema
from affluent.store.sqlite import SqliteDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved."""

    rows: int
    tables: int
    unfinished: int
    queued: int


def move(
    to: Annotated[str, typer.Option("--to", help="postgresql://user:password@host/name of an empty database.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move everything to PostgreSQL; the server must be stopped. The SQLite file stays as it is."""
    settings = settings_with(data_dir=data_dir, database_url=to)
    if not to.startswith(("postgresql://", "postgres://")):
        fail("--to must be postgresql://user:password@host/name.", MISUSED)
    if not settings.sqlite_path().exists():
        fail(f"There is no database at {settings.sqlite_path()}.", MISUSED)
    done = run(_move(settings), settings, log_level="warning")
    if as_json:
        say_json({"rows": done.rows, "tables": done.tables, "unfinished": done.unfinished, "queued": done.queued})
        return
    console.print(
        f"Moved {done.rows} rows of {done.tables} tables, every one compared; {done.unfinished} unfinished runs go on.",
        highlight=False,
    )
    console.print("Now set AFFLUENT_DATABASE_URL, keep the same master key, and start the server.", highlight=False)


async def _move(settings: Settings) -> Moved:
    from affluent.store.postgres import PostgresDatabase  # noqa: PLC0415 - a driver that SQLite does not need

    source = SqliteDatabase(settings.sqlite_path())
    target = PostgresDatabase("postgresql://" + settings.database_url.split("://", 1)[1])
    with hold(settings.data_dir):
        for database in (source, target):
            if not await schema.upgrade(database):
                raise CannotStart("A newer release has been at this database: move it with that release.")
        try:
            async with target.engine.begin() as connection:
                return await connection.run_sync(lambda theirs: _copy(source, theirs))
        finally:
            await target.close()
            source.engine.dispose()


def _copy(source: SqliteDatabase, target: Connection) -> Moved:
    """In one transaction of the target: after any error it is as empty as before."""
    from affluent.engine.dispatch.postgres import requeue_all  # noqa: PLC0415 - as above

    known = moving.every_table()
    schema.unmark(target)
    taken = moving.filled(target)
    if taken:
        raise CannotStart(f"The database is not empty: {', '.join(taken[:3])} have rows. Move into an empty one.")
    rows = 0
    with source.engine.connect() as ours, progress("Moving", unit="rows") as tell:
        total = moving.count(ours)
        for table in known:
            for part in moving.batches(ours, table):
                moving.put(target, table, part)
                rows += len(part)
                tell(rows, total)
            if moving.fingerprint(ours, table) != moving.fingerprint(target, table):
                raise CannotStart(f"Table {table.name} did not arrive as it was; nothing was moved.")
    return Moved(rows=rows, tables=len(known), unfinished=moving.finish(target), queued=requeue_all(target))
