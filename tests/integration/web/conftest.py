"""Browsers for the tests of the interface."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.web.browser import Browser, browser


@pytest.fixture
async def visitor(database_url: str) -> AsyncIterator[Browser]:
    """A browser at a fresh server; nobody is signed in."""
    async with browser(database_url) as it:
        yield it


@pytest.fixture
async def owner(visitor: Browser) -> Browser:
    """The owner's browser, signed in."""
    await visitor.sign_in_as_owner()
    return visitor
