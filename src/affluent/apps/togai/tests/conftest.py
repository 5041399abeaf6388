"""Togai at work: an app bench connected to a small Togai in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from affluent.apps.togai.app import app
from affluent.apps.togai.tests.small_togai import KEY, SmallTogai
from tests.support.apps import Bench, LocalVendor, bench, local_vendor


@pytest.fixture
def togai() -> SmallTogai:
    """Empty books."""
    return SmallTogai()


@pytest.fixture
async def vendor(togai: SmallTogai) -> AsyncIterator[LocalVendor]:
    """Togai on a local port."""
    async with local_vendor(togai.answer) as there:
        yield there


@pytest.fixture
async def desk(vendor: LocalVendor) -> AsyncIterator[Bench]:
    """The app with a good key. Its today is 3 February 2026."""
    async with bench(app, {"secret_key": KEY, "base_url": vendor.url}) as there:
        yield there
