"""Backup and restore: what was there comes back, what was altered is refused. `test_manual.py` does it beside a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from affluent.cli.main import app
from affluent.server.process import hold


def affluent(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200", **(env or {})})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one token in its database."""
    folder = tmp_path / "data"
    made = affluent("tokens", "create", "--name", "Kept", "--scope", "invoices:read", "--data-dir", folder)
    assert made.exit_code == 0, made.output
    return folder


def names(data: Path) -> list[str]:
    return sorted(
        token["name"] for token in json.loads(affluent("tokens", "list", "--json", "--data-dir", data).output)
    )


def test_a_restored_database_is_as_it_was_when_it_was_backed_up(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.backup"
    taken = affluent("backup", file, "--json", "--data-dir", data)
    assert taken.exit_code == 0, taken.output
    assert json.loads(taken.output)["bytes"] == file.stat().st_size
    affluent("tokens", "create", "--name", "Later", "--scope", "invoices:read", "--data-dir", data)
    refused = affluent("restore", file, "--data-dir", data)
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    assert names(data) == ["Kept", "Later"]
    assert affluent("restore", file, "--replace", "--data-dir", data).exit_code == 0
    assert names(data) == ["Kept"]


def test_a_backup_shows_nothing_and_opens_only_with_its_master_key(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.backup"
    affluent("backup", file, "--data-dir", data)
    assert b"SQLite" not in file.read_bytes()
    assert b"Kept" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert affluent("restore", file, "--check", "--data-dir", data).exit_code == 0
    other = affluent("restore", file, "--check", "--data-dir", data, env={"AFFLUENT_MASTER_KEY": "ab" * 32})
    assert other.exit_code == 1
    assert "cannot be opened" in other.output


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer", "text"])
def test_a_damaged_backup_is_refused_and_the_database_stays(data: Path, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "kept.backup"
    affluent("backup", file, "--data-dir", data)
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "cut": whole[:-40],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "longer": whole + b"x",
            "text": b"hello\n",
        }[damage]
    )
    refused = affluent("restore", file, "--replace", "--data-dir", data)
    assert refused.exit_code == 1
    assert "backup" in refused.output
    assert "Traceback" not in refused.output
    assert names(data) == ["Kept"]


def test_a_backup_is_not_restored_under_a_server_that_works(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.backup"
    affluent("backup", file, "--data-dir", data)
    with hold(data):
        refused = affluent("restore", file, "--replace", "--data-dir", data)
    assert refused.exit_code == 1
    assert "Another affluent process" in refused.output
