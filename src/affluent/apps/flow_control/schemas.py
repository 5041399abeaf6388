"""What Delay and Filter are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from affluent.sdk import InputModel, OutputModel

_LONGEST = timedelta(days=366)


class Delay(InputModel):
    """How long to wait: a time from now, a moment, or whichever of both is later."""

    days: int = Field(0, ge=0, title="Days", description="Days to wait.")
    hours: int = Field(0, ge=0, title="Hours", description="Hours to wait.")
    minutes: int = Field(0, ge=0, title="Minutes", description="Minutes to wait.")
    seconds: int = Field(0, ge=0, title="Seconds", description="Seconds to wait.")
    until: datetime | None = Field(
        None, title="Until", description="A moment, e.g. 2026-05-01T09:00:00+02:00; one without a zone is in UTC."
    )

    @field_validator("until")
    @classmethod
    def _in_a_zone(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _check(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        try:
            length = self.length()
        except OverflowError as error:
            raise ValueError("a step waits for a year at most") from error
        if length > _LONGEST:
            raise ValueError("a step waits for a year at most")
        if not length and self.until is None:
            raise ValueError("say how long to wait, in days, hours, minutes or seconds, or until when")
        return self

    def length(self) -> timedelta:
        """The time to wait from the beginning of the step."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes, seconds=self.seconds)


class Waited(OutputModel):
    """The end of a delay."""

    until: datetime = Field(title="Until", description="When the wait was over, in UTC.")


class Filter(InputModel):
    """Whether the run goes on."""

    keep: bool = Field(
        title="Go on when", description="An expression that gives true or false, e.g. {{ trigger.amount > 100 }}."
    )
    reason: str = Field(
        "", title="Reason", description="What the run says when it stops here, e.g. Below the amount that we track."
    )
