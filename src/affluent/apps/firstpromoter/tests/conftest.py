"""A twin for each test, in both API versions unless a test asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from affluent.apps.firstpromoter.tests.support import Bench, bench


@pytest.fixture(params=[2, 1], ids=["v2", "v1"])
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """FirstPromoter, once as API v2 and once as API v1."""
    async with bench(request.param) as found:
        yield found


@pytest.fixture
async def vendor_v2() -> AsyncIterator[Bench]:
    """FirstPromoter as API v2."""
    async with bench(2) as found:
        yield found


@pytest.fixture
async def vendor_v1() -> AsyncIterator[Bench]:
    """FirstPromoter as API v1."""
    async with bench(1) as found:
        yield found
