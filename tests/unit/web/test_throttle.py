"""Guessing is slowed down, twice as much each time, and forgotten after success."""

from __future__ import annotations

from affluent.services.throttle import Throttle


class Watch:
    """A clock one sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_few_failures_are_free() -> None:
    throttle = Throttle(Watch())
    for _ in range(4):
        throttle.failed("mira")
    assert throttle.wait("mira") == 0


def test_then_each_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    throttle, waits = Throttle(Watch()), []
    for _ in range(16):
        throttle.failed("mira")
        waits.append(throttle.wait("mira"))
    assert waits[4:7] == [15, 30, 60]
    assert waits[-1] == 900


def test_the_wait_passes() -> None:
    watch = Watch()
    throttle = Throttle(watch)
    for _ in range(5):
        throttle.failed("mira")
    watch.now = 15
    assert throttle.wait("mira") == 0


def test_others_do_not_wait_and_success_forgets() -> None:
    throttle = Throttle(Watch())
    for _ in range(6):
        throttle.failed("mira", "10.0.0.1")
    assert throttle.wait("ada") == 0
    assert throttle.wait("ada", "10.0.0.1") > 0
    throttle.succeeded("mira", "10.0.0.1")
    assert throttle.wait("mira", "10.0.0.1") == 0
