"""Timetables: what is accepted, and what a person reads when it is not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from affluent.apps.schedule.schemas import Timetable


@pytest.mark.parametrize("cron", ["0 9 * * 1-5", "*/15 * * * *", " 0  0 1 * * ", "30 6 * jan mon"])
def test_a_line_of_five_fields_is_accepted(cron: str) -> None:
    assert Timetable(cron=cron).cron == " ".join(cron.split())


@pytest.mark.parametrize("cron", ["", "0 9 * *", "0 9 * * 1-5 2026", "61 * * * *", "every day", "@daily"])
def test_any_other_line_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(ValidationError, match="five fields: minute, hour") as refused:
        Timetable(cron=cron)
    assert refused.value.errors()[0]["loc"] == ("cron",)


def test_the_time_zone_is_utc_unless_another_is_named() -> None:
    assert Timetable(cron="0 9 * * *").timezone == "UTC"
    assert Timetable(cron="0 9 * * *", timezone="Asia/Kolkata").timezone == "Asia/Kolkata"


@pytest.mark.parametrize("timezone", ["Europe", "Middle/Earth", "../etc/passwd", "", "CEST+1"])
def test_an_unknown_time_zone_is_refused_with_an_example(timezone: str) -> None:
    with pytest.raises(ValidationError, match="write it like Europe/Berlin") as refused:
        Timetable(cron="0 9 * * *", timezone=timezone)
    assert refused.value.errors()[0]["loc"] == ("timezone",)
