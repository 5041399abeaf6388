"""Cron lines on the wall clock, over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from affluent.kit import cron

BERLIN = "Europe/Berlin"


def moments(line: str, timezone: str, after: str, count: int) -> list[str]:
    """The moments that follow, in UTC."""
    found, at = [], datetime.fromisoformat(after).replace(tzinfo=UTC)
    for _ in range(count):
        at = cron.following(line, timezone, at)
        found.append(f"{at:%m-%dT%H:%M}")
    return found


def test_a_line_is_read_on_the_wall_clock_of_its_zone():
    assert moments("0 9 * * 1-5", "America/New_York", "2026-10-30T00:00", 2) == ["10-30T13:00", "11-02T14:00"]


def test_a_time_left_out_in_spring_comes_an_hour_later():
    assert moments("30 2 * * *", BERLIN, "2026-03-28T12:00", 2) == ["03-29T01:30", "03-30T00:30"]


def test_a_time_that_occurs_twice_in_autumn_comes_once():
    assert moments("30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == ["10-25T00:30", "10-26T01:30"]


def test_a_line_of_every_hour_comes_in_both_hours_of_autumn_and_is_not_doubled_in_spring():
    assert moments("30 * * * *", BERLIN, "2026-10-25T00:00", 3) == ["10-25T00:30", "10-25T01:30", "10-25T02:30"]
    assert moments("30 * * * *", BERLIN, "2026-03-29T00:00", 3) == ["03-29T00:30", "03-29T01:30", "03-29T02:30"]


def test_a_zone_whose_clock_changes_by_half_an_hour_is_read_too():
    assert moments("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", 2) == ["10-03T15:45", "10-04T15:15"]


def test_a_line_that_never_comes_has_no_moment():
    assert cron.following("0 0 31 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("line", ["* * * * *", "*/7 3 * * *", "0 9 * * 1", "0 0 1 1 *", "59 23 29 2 *"])
def test_the_last_moment_is_the_one_that_stepping_would_find(line):
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    first = cron.following(line, BERLIN, now - timedelta(days=3))
    stepped = first
    while (later := cron.following(line, BERLIN, stepped)) is not None and later <= now:
        stepped = later
    assert cron.last(line, BERLIN, first, now) == stepped


def test_a_moment_long_ago_is_left_behind_at_once():
    now = datetime(2026, 10, 30, 0, 0, 30, tzinfo=UTC)
    assert cron.last("* * * * *", "UTC", datetime(2020, 1, 1, tzinfo=UTC), now) == now.replace(second=0)
