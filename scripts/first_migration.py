"""Writes the first migration anew from the tables, as long as no release has shipped one: `make first-migration`."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from affluent.store.schema.alembic_runner import config

VERSIONS = Path("src/affluent/store/schema/migrations/versions")


def main() -> None:
    """Remove the first migration, let Alembic draw it from the metadata over an empty database, put it in order."""
    VERSIONS.mkdir(exist_ok=True)
    for file in VERSIONS.glob("*.py"):
        file.unlink()
    settings = config()
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:"))
    with engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.revision(settings, message="the first tables", autogenerate=True, rev_id="0001")
    found = next(VERSIONS.glob("*.py"))
    made = found.rename(VERSIONS / "0001_the_first_tables.py")
    ruff = Path(sys.executable).with_name("ruff")
    for act in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        subprocess.run([os.fspath(ruff), *act, os.fspath(made)], check=True)  # noqa: S603 - our own tool on our own file


if __name__ == "__main__":
    main()
