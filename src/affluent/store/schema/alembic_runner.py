"""Runs Alembic; loaded only for a database that is not up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def config() -> Config:
    """Alembic's configuration, without an ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def to_head(connection: Connection) -> list[str]:
    """Run the migrations that are missing; returns the revisions whose releases may work on what comes of it."""
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
    readers = []
    for script in ScriptDirectory.from_config(settings).walk_revisions():  # the newest first
        readers.append(script.revision)
        if not script.module.expands:
            break
    return readers
