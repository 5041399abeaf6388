"""`affluent backup` and `restore`: the embedded database, while the server works; encrypted and read back."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DataDir, settings_with
from affluent.cli.output import MISUSED, console, fail, say_json
from affluent.cli.progress import progress
from affluent.cli.run import run
from affluent.kit import clock
from affluent.server.process import hold
from affluent.services.operations import backup as backups
from affluent.services.operations.backup import Backup
from affluent.services.provenance.ledger_heads import set_aside
from affluent.settings import Settings
from affluent.vault import keys
from affluent.vault.envelope import Vault

Target = Annotated[
    Path | None, typer.Argument(help="The file, or a folder for it; default: affluent-<time>.backup here.")
]


def backup(target: Target = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Back the database up while the server works. Keep the master key elsewhere: without it nothing opens."""
    settings = _embedded(data_dir)
    path = target or Path()
    if path.is_dir():
        path /= f"affluent-{clock.now():%Y%m%dT%H%M%SZ}.backup"
    with progress("Backing up") as tell:
        copying = asyncio.to_thread(backups.take, settings.sqlite_path(), path.resolve(), _vault(settings), tell)
        done = run(copying, settings)
    _tell(done, f"Backed up to {done.path}", as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    check: Annotated[bool, typer.Option("--check", help="Only read it to its end and examine it.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of the database that is there.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup in place; the server must be stopped. Then start it: it takes up what was running."""
    settings = _embedded(data_dir)
    vault = _vault(settings)
    if check:
        with progress("Reading") as tell:
            done = run(asyncio.to_thread(backups.verify, file.resolve(), vault, tell), settings)
        _tell(done, f"{file} is whole", as_json=as_json)
        return

    async def work() -> Backup:
        with hold(settings.data_dir), progress("Restoring") as tell:
            done = await asyncio.to_thread(
                lambda: backups.restore(file.resolve(), settings.sqlite_path(), vault, replace=replace, progress=tell)
            )
            set_aside(settings.data_dir, settings.database_url)
            return done

    _tell(run(work(), settings), f"Restored to {settings.sqlite_path()}", as_json=as_json)


def _embedded(data_dir: Path | None) -> Settings:
    settings = settings_with(data_dir=data_dir)
    if settings.database_url:
        fail("The database is PostgreSQL: back it up with pg_dump, see docs/operations/backup.md.", MISUSED)
    return settings


def _vault(settings: Settings) -> Vault:
    async def load() -> Vault:
        return keys.load(
            value=settings.master_key.get_secret_value(),
            path=settings.master_key_path(),
            command=settings.master_key_command,
            create=False,
        )

    return run(load(), settings)


def _tell(done: Backup, what: str, *, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(done), "path": str(done.path)})
        return
    size = f"{done.bytes / 1e6:.1f} MB"
    sentence = f"{what}: {done.runs} runs, {done.events} events, {size}, as of {done.taken_at}."
    console.print(sentence, highlight=False, soft_wrap=True)  # the path stays whole
