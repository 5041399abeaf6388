"""Later releases made of this one: a copy of the package with a higher version, one more migration, and code that knows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import affluent
from affluent.store.schema import upgrade as schema

SOURCE = Path(affluent.__file__).parent
_MIGRATION = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
expands = {expands}


def upgrade() -> None:
    {act}
'''
_ADDS = """op.add_column("runs", sa.Column("later_note", sa.Text(), nullable=True))
    op.create_table("later_things", sa.Column("id", sa.Text(), primary_key=True), sa.Column("run_id", sa.Text()))"""
_TAKES_AWAY = """op.drop_column("runs", "later_note")"""
_TABLES = '''"""Tables of a later release."""

from sqlalchemy import Column, Table, Text

from affluent.store import tables

tables.runs.append_column(Column("later_note", Text, nullable=True))
later_things = Table("later_things", tables.metadata, Column("id", Text, primary_key=True), Column("run_id", Text))
'''


def next_release(folder: Path) -> dict[str, str]:
    """The release after this one, whose migration only adds; returns the environment in which `affluent` is that one."""
    _copy(SOURCE, folder, "1000.1")
    _migration(folder, "9001", schema.head(), _ADDS, expands=True)
    (folder / "affluent" / "store" / "tables" / "later.py").write_text(_TABLES)
    return {"PYTHONPATH": str(folder)}


def release_after(before: dict[str, str], folder: Path) -> dict[str, str]:
    """The release after that, whose migration takes something away."""
    _copy(Path(before["PYTHONPATH"]) / "affluent", folder, "1000.2")
    _migration(folder, "9002", "9001", _TAKES_AWAY, expands=False)
    (folder / "affluent" / "store" / "tables" / "later.py").write_text(
        _TABLES.replace('tables.runs.append_column(Column("later_note", Text, nullable=True))\n', "")
    )
    return {**before, "PYTHONPATH": str(folder)}


def _copy(source: Path, folder: Path, version: str) -> None:
    shutil.copytree(source, folder / "affluent", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    told = folder / f"affluent-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.4\nName: affluent\nVersion: {version}\n")


def _migration(folder: Path, revision: str, before: str, act: str, *, expands: bool) -> None:
    text = _MIGRATION.format(title=f"later {revision}", revision=revision, before=before, act=act, expands=expands)
    (folder / "affluent" / "store" / "schema" / "migrations" / "versions" / f"{revision}_later.py").write_text(text)
