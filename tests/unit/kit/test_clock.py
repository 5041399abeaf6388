"""Times that others say: what can be kept is kept, what cannot is no time; and what is stored can always be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from affluent.kit import clock

START, END = (at.replace(tzinfo=None) for at in (clock.EARLIEST, clock.LATEST - timedelta(days=1)))
anywhere = st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))))


@given(anywhere)
@example(datetime.fromisoformat("0001-01-01T00:00:00+05:30"))
@example(datetime.fromisoformat("9999-12-31T23:59:59-05:00"))
def test_every_time_can_be_stored_and_what_is_stored_can_be_read_and_shown_in_any_zone(at: datetime) -> None:
    read = clock.from_micros(clock.to_micros(at))
    assert [(read + timedelta(days=days)).astimezone(timezone(timedelta(hours=14))) for days in (-1, 1)]


@given(st.datetimes(min_value=START, max_value=END, timezones=st.just(UTC)))
def test_a_plausible_time_comes_back_as_it_was_to_the_microsecond(at: datetime) -> None:
    assert clock.from_micros(clock.to_micros(at)) == at == clock.plausible(at)


@given(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none()))
def test_whatever_a_column_of_times_holds_is_read_as_a_time(value: object) -> None:
    assert 2 <= clock.from_micros(value).year <= 9998  # type: ignore[arg-type]  # a database file holds anything


@pytest.mark.parametrize(
    "said",
    ["0001-01-01T00:00:00+05:30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
     "yesterday", "", None, 7, ["2026-01-01"]],
)  # fmt: skip
def test_what_is_no_time_that_an_event_can_have_counts_as_none_said(said: object) -> None:
    assert clock.from_text(said) is None


@pytest.mark.parametrize(
    "said", [1e30, -1, -(10**18), 10**18, float("nan"), float("inf"), "1700000000", True, None, 253402300800]
)
def test_what_is_no_number_of_seconds_that_an_event_can_have_counts_as_none_said(said: object) -> None:
    assert clock.from_seconds(said) is None


def test_a_time_is_taken_in_utc() -> None:
    assert (
        clock.from_text("2026-01-01T05:30:00+05:30")
        == clock.from_text("2026-01-01T00:00:00")
        == datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert clock.from_seconds(1_767_225_600) == datetime(2026, 1, 1, tzinfo=UTC)
