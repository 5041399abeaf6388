"""The two ways to run the product under attack."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from tests.chaos.books import Counts


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Where the product keeps its data: empty (SQLite, one process) or a fresh PostgreSQL database (a server and workers)."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def kills() -> int:
    """How many processes to kill at random moments: half of CHAOS_KILLS on each store."""
    return max(int(os.environ.get("CHAOS_KILLS", "40")) // 2, 1)


@pytest.fixture
def tell_line(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show a line at the end of all tests."""
    return lambda line: request.node.user_properties.append(("line", line))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[Counts, str], None]:
    """Show counts at the end of all tests, also from another process (see the conftest.py of the whole)."""

    def told(counts: Counts, title: str) -> None:
        store = request.node.name.partition("[")[2].rstrip("]")
        line = counts.sentence(f"{title}{f' on {store}' if store else ''}")
        figures = {"deaths": counts.deaths, "accepted": counts.accepted, "lost": counts.lost, "doubled": counts.doubled}
        request.node.user_properties += [("line", line), ("chaos", figures)]

    return told


@pytest.fixture
def chance() -> random.Random:
    """Chance, printed so that it can be repeated with CHAOS_SEED."""
    seed = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"\nCHAOS_SEED={seed}")
    return random.Random(seed)
