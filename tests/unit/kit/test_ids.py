"""Ids that sort by the time they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from affluent.kit import ids

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001 - the zone is added
def test_an_id_tells_its_moment_in_base_32(at: datetime) -> None:
    text = ids.first_id("run", at.replace(tzinfo=UTC)).removeprefix("run_")
    number = 0
    for character in text:
        number = number * 32 + _DIGITS.index(character)
    assert len(text) == 26
    assert number >> 80 == int(at.replace(tzinfo=UTC).timestamp() * 1000)


def test_ids_are_in_the_order_in_which_they_were_made() -> None:
    made = [ids.new_id("run") for _ in range(2_000)]
    assert made == sorted(set(made))
    assert ids.first_id("run", datetime.now(UTC) + timedelta(seconds=5)) > made[-1]
