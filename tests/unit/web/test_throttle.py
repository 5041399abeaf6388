"""Guessing is slowed down, twice as much each time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from affluent.services.errors import NotFound, TooManyTries
from affluent.services.identity.throttle import FREE, FREE_AT_ADDRESS, Key, Unknown, address_key, wait_after


def test_a_few_failures_are_free() -> None:
    assert [wait_after(failures) for failures in range(FREE)] == [timedelta()] * FREE


def test_then_each_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(failures).total_seconds() for failures in range(FREE, FREE + 12)]
    assert waits[:4] == [15, 30, 60, 120]
    assert waits[-1] == 900


def test_more_is_free_for_an_address_that_people_share() -> None:
    assert (Key("one").free, Key("office", is_shared=True).free) == (FREE, FREE_AT_ADDRESS)


@pytest.mark.parametrize(
    ("address", "counted_by"),
    [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"),
     ("2001:db8:0:0:ffff::9", "2001:db8::/64"), ("fe80::1%eth0", "fe80::/64"), ("", "")],
)  # fmt: skip
def test_an_ipv6_network_counts_as_one_address(address: str, counted_by: str) -> None:
    assert address_key(address) == counted_by


def test_unknown_secrets_are_refused_past_the_limit_and_heard_again_later() -> None:
    now = 0.0
    unknown = Unknown(2, seconds=lambda: now)
    unknown.take("a")
    unknown.take("a")
    with pytest.raises(TooManyTries):
        unknown.take("a")
    unknown.take("b")
    now = 30.0
    unknown.take("a")


def test_a_link_that_was_there_costs_no_try() -> None:
    unknown = Unknown(1, seconds=lambda: 0.0)
    for _ in range(3):
        with unknown.trying("a"):
            pass


def test_a_link_that_was_not_there_costs_one() -> None:
    unknown = Unknown(1, seconds=lambda: 0.0)
    with pytest.raises(NotFound), unknown.trying("a"):
        raise NotFound("used")
    with pytest.raises(TooManyTries), unknown.trying("a"):
        pass
