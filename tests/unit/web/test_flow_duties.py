"""Duties in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from affluent.sdk import PollOptions
from affluent.services.inbound.background_jobs import BackgroundJobView
from affluent.services.inbound.polls import Offer
from affluent.web.flows.background_jobs import BackgroundJobLine, Standing, _line, every

AT = datetime(2026, 11, 25, tzinfo=UTC)


def line(kind: str, *, poll: PollOptions | None = None, **values: Any) -> BackgroundJobLine:
    """A duty's line."""
    blank = {
        "phase": "live",
        "items": 0,
        "due_at": AT,
        "succeeded_at": None,
        "failures": 0,
        "sentence": "",
        "settings": {},
    }
    return _line(BackgroundJobView(kind=kind, **{**blank, **values}), Offer(poll=poll))


@pytest.mark.parametrize(
    ("seconds", "words"), [(300, "5 minutes"), (60, "minute"), (90, "90 seconds"), (86_400, "day"), (7_200, "2 hours")]
)
def test_an_interval_is_said_in_its_largest_unit(seconds: int, words: str) -> None:
    assert every(seconds) == words


def test_a_poll_says_how_often_it_asks_and_where_it_began() -> None:
    poll = PollOptions(start="now", every_seconds=300)
    assert line("poll", poll=poll, sentence="3 found.").text == "Every 5 minutes, from now on. 3 found."
    assert line("poll", poll=poll, phase="new").tone == "busy"
    assert line("poll", poll=poll).tone == ""


def test_a_backfill_says_how_far_it_is_and_that_it_goes_on() -> None:
    moving = line("backfill", phase="everything", sentence="120 found so far.")
    assert moving.text == "120 found so far. It goes on from the last page, also after a restart."
    assert (moving.tone, moving.next) == ("busy", None)
    assert Standing(lines=(moving,)).is_moving
    done = line("backfill", phase="done", sentence="All 240 found.", due_at=None)
    assert (done.text, done.tone) == ("All 240 found.", "")
    assert not Standing(lines=(done,)).is_moving


def test_what_fails_says_how_often_and_why_and_when_it_is_tried_next() -> None:
    failed = line("poll", failures=4, sentence="The vendor answered 503.")
    assert failed.text == "Failed 4 times in a row: The vendor answered 503."
    assert (failed.tone, failed.next) == ("bad", AT)
    assert line("backfill", failures=1, sentence="No answer.").text == "Failed once: No answer."
    assert line("gaps", sentence="The webhook of 'P' is silent: …").tone == "warn"
    assert line("registration", phase="manual", sentence="Enter it by hand.").tone == "warn"
