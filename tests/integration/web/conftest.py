"""Browsers for the tests of the interface. The pages ask services that are tested on both stores; signing in has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.web.browser import Browser, browser


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser at a fresh server; nobody is signed in."""
    async with browser(f"sqlite:///{tmp_path / 'affluent.db'}") as it:
        yield it


@pytest.fixture
async def owner(visitor: Browser) -> Browser:
    """The owner's browser, signed in."""
    await visitor.sign_in_as_owner()
    return visitor
