"""`affluent migrate`: bring the database to this release, or say where it stands."""

from __future__ import annotations

from typing import Annotated

import typer

from affluent.cli.options import AsJson, Config, DatabaseUrl, DataDir, settings_with
from affluent.cli.output import console, say_json
from affluent.cli.run import run
from affluent.settings import Settings
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema


def migrate(
    check: Annotated[bool, typer.Option(help="Change nothing; exit code 1 when the database is behind.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Bring the database to this release. Safe beside running servers and workers, and to repeat."""
    settings = settings_with(data_dir=data_dir, database_url=database_url, config=config)
    before, after, is_newer = run(_migrate(settings, check=check), settings, log_level="warning")
    is_current = after == schema.head() or is_newer
    if as_json:
        say_json({"before": before, "after": after, "release": schema.head(), "is_current": is_current})
    elif is_newer:
        console.print(f"The database is at {after}, of a newer release; this one ({schema.head()}) may work beside it.")
    elif is_current:
        was = "" if before == after else f"; it was at {before or 'nothing'}"
        console.print(f"The database is at {after}{was}.")
    else:
        console.print(f"The database is at {after or 'nothing'}, this release needs {schema.head()}: affluent migrate")
    if not is_current:
        raise typer.Exit(1)


async def _migrate(settings: Settings, *, check: bool) -> tuple[str, str, bool]:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if check and not settings.database_url and not settings.sqlite_path().exists():
        return "", "", False
    database = open_database(settings.database_url, settings.sqlite_path())
    before, is_newer = await standing(database)
    if check:
        return before, before, is_newer
    await schema.upgrade(database)
    return before, *(await standing(open_database(settings.database_url, settings.sqlite_path())))


async def standing(database: Database) -> tuple[str, bool]:
    """The revision that a database is at, empty when it has no tables; and whether a newer release brought it there."""
    await database.open()
    try:
        return await database.read(schema.revision) or "", await database.read(schema.is_newer)
    finally:
        await database.close()
