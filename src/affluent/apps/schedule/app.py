"""Schedule: a flow that starts by the clock, in any time zone."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.schedule.schemas import Due, Timetable
from affluent.sdk import App, Category, Subject, Trigger, TriggerKind

app = App(
    key="schedule",
    title="Schedule",
    description="Start a flow every hour, every day or at the times of a cron line.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    glyph="clock",
)

app.triggers_are(
    [
        Trigger(
            key="due",
            title="On a schedule",
            description="The time of the cron line has come, in the time zone that was chosen.",
            kind=TriggerKind.SCHEDULE,
            event="due",
            sample="due.json",
            output=Due,
            options=Timetable,
            subject=Subject(title="scheduled_at"),
        )
    ]
)
