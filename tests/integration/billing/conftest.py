"""A workspace for each test: `workspace` on both stores, `desk` on SQLite alone for what no store can change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.workspace import Workspace
from tests.support.workspace import workspace as opened


@pytest.fixture
async def workspace(database_url: str) -> AsyncIterator[Workspace]:
    async with opened(database_url) as made:
        yield made


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with opened(f"sqlite:///{tmp_path / 'workspace.db'}") as made:
        yield made
