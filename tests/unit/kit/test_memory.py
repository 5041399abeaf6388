"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from affluent.kit import memory


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_was_there_at_the_start_is_not_looked_through_again() -> None:
    kept = [[number] for number in range(1_000)]
    memory.settle()
    assert gc.get_freeze_count() >= len(kept)
    assert gc.get_threshold()[0] > 700


def test_rubbish_made_later_is_still_found() -> None:
    memory.settle()
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() >= 1
