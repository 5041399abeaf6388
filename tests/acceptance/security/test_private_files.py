"""What a process writes is for its own user only, also where the umask of the machine lets everybody read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.process import AFFLUENT, started


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """The data folder of a server that runs, started where everybody may read what is written."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        async with started("serve", "--port", "0", "--data-dir", str(folder)):
            yield folder
    finally:
        os.umask(before)


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def readable_by_others(folder: Path) -> list[str]:
    """Files below a folder on which the group or others have any right."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]


async def done(*arguments: str) -> None:
    """A command, in a process of its own."""
    process = await asyncio.create_subprocess_exec(str(AFFLUENT), *arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_database_keys_and_lock_of_a_server_are_its_own(data: Path) -> None:
    assert {"affluent.db", "affluent.db-wal", "master.key", "lock"} <= names(data)
    assert readable_by_others(data) == []


async def test_a_backup_is_its_owners(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "backups"
    out.mkdir()
    await done("backup", str(out / "affluent.backup"), "--data-dir", str(data))
    assert names(out) == {"affluent.backup"}
    assert readable_by_others(out) == []


async def test_a_database_that_an_earlier_release_left_readable_is_made_private(data: Path) -> None:
    (data / "affluent.db").chmod(0o644)
    await done("runs", "list", "--data-dir", str(data))
    assert readable_by_others(data) == []
