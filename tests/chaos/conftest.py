"""The two ways to run the product under attack."""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Where the product keeps its data: empty (SQLite, one process) or a fresh PostgreSQL database (a server and workers)."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def kills() -> int:
    """How many processes to kill: half of CHAOS_KILLS on each store (`make chaos` says 200)."""
    return max(int(os.environ.get("CHAOS_KILLS", "40")) // 2, 1)


@pytest.fixture
def chance() -> random.Random:
    """Chance, printed so that it can be repeated with CHAOS_SEED."""
    seed = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"\nCHAOS_SEED={seed}")
    return random.Random(seed)
