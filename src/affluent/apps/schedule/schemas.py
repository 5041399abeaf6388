"""A timetable as people write it: a cron line and a time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # ships no types
from pydantic import Field, field_validator

from affluent.kit.cron import LONGEST
from affluent.sdk import InputModel, OutputModel

_FIELDS = 5


class Timetable(InputModel):
    """When a flow starts."""

    cron: str = Field(
        title="Cron line",
        description="Minute, hour, day of month, month, day of week, e.g. 0 9 * * 1-5 for 9:00 from Monday to Friday.",
    )
    timezone: str = Field("UTC", title="Time zone", description="Name of the time zone, e.g. Europe/Berlin.")

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        line = " ".join(value.split())
        if len(line) > LONGEST:
            raise ValueError(f"a cron line has at most {LONGEST} characters")
        if len(line.split()) != _FIELDS or not croniter.is_valid(line):
            raise ValueError(
                "a cron line has five fields: minute, hour, day of month, month, day of week, e.g. 0 9 * * 1-5"
            )
        return line

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError) as error:  # unknown, no name at all, or the name of a folder
            raise ValueError(f"there is no time zone {value!r}; write it like Europe/Berlin or UTC") from error


class Due(OutputModel):
    """One moment of a timetable."""

    scheduled_at: datetime = Field(title="Scheduled at", description="The moment that was due, in UTC.")
    local_time: str = Field("", title="Local time", description="The same moment in the time zone of the schedule.")
    timezone: str = Field("UTC", title="Time zone", description="Name of the time zone of the schedule.")
