"""Guessing is slowed down, twice as much each time."""

from __future__ import annotations

from datetime import timedelta

from affluent.services.throttle import FREE, wait_after


def test_a_few_failures_are_free() -> None:
    assert [wait_after(failures) for failures in range(FREE)] == [timedelta()] * FREE


def test_then_each_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(failures).total_seconds() for failures in range(FREE, FREE + 12)]
    assert waits[:4] == [15, 30, 60, 120]
    assert waits[-1] == 900
