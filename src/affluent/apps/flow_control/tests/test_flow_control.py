"""Delay and Filter by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from affluent.apps.flow_control.app import delay, keep
from affluent.apps.flow_control.schemas import Delay, Filter
from affluent.sdk import Context, NotApplicable, Rejected, Wait

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(hours: float) -> Context:
    """So many hours after the step began."""
    return Context(credentials=None, http=None, now=START + timedelta(hours=hours), started_at=START)


async def test_a_delay_waits_for_what_is_left():
    with pytest.raises(Wait) as caught:
        await delay(at(1), Delay(hours=3))
    assert caught.value.retry_after == timedelta(hours=2)
    assert caught.value.message == "Waits until 2026-03-01 15:00:00 UTC."


async def test_a_delay_that_is_over_goes_on():
    assert (await delay(at(3), Delay(hours=3))).until == START + timedelta(hours=3)


async def test_the_later_of_a_length_and_a_moment_counts():
    with pytest.raises(Wait) as caught:
        await delay(at(0), Delay(hours=1, until="2026-03-01T14:00:00+01:00", minutes=30))
    assert caught.value.retry_after == timedelta(minutes=90)
    with pytest.raises(Wait) as caught:
        await delay(at(0), Delay(hours=1, until="2026-03-01T17:00:00"))
    assert caught.value.retry_after == timedelta(hours=5)


async def test_a_moment_more_than_a_year_away_is_refused():
    with pytest.raises(Rejected) as caught:
        await delay(at(0), Delay(until="2028-01-01T00:00:00Z"))
    assert caught.value.field == "until"


@pytest.mark.parametrize("given", [{}, {"days": 400}, {"days": 10**12}, {"hours": -1}])
def test_a_delay_without_a_sensible_length_is_refused(given):
    with pytest.raises(ValidationError):
        Delay(**given)


async def test_a_filter_that_is_met_goes_on():
    assert await keep(at(0), Filter(keep=True)) is None


async def test_a_filter_that_is_not_met_ends_the_run_with_its_reason():
    with pytest.raises(NotApplicable) as caught:
        await keep(at(0), Filter(keep=False, reason="Too small."))
    assert caught.value.message == "Too small."
