"""Flow control: steps that wait for a time, or end the run when it has nothing to do."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from affluent.apps.flow_control.schemas import Delay, Filter, Waited
from affluent.sdk import App, Category, Context, CredentialsModel, Effect, NotApplicable, Rejected, Wait

_DAYS = 366

app = App(
    key="flow_control",
    title="Flow control",
    description="Wait for a time, or stop a run that has nothing to do.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    glyph="clock",
)


@app.action(
    "delay",
    title="Delay",
    effect=Effect.READ,
    sample="delay.json",
    answers={"before the time": "The run waits", "at the time": "The run goes on"},
)
async def delay(ctx: Context[CredentialsModel], wanted: Delay) -> Waited:
    """Wait for a time or until a moment. The wait is kept in the database; later events of the account do not wait with it."""
    end = (ctx.started_at or ctx.now) + wanted.length()
    if wanted.until is not None:
        end = max(end, wanted.until.astimezone(UTC))
    left = end - ctx.now
    if left.days > _DAYS:
        raise Rejected(f"until: {end:%Y-%m-%d} is more than a year away.", field="until")
    if left.total_seconds() > 0:
        raise Wait(f"Waits until {end:%Y-%m-%d %H:%M:%S} UTC.", retry_after=left)
    return Waited(until=end)


@app.action(
    "filter",
    title="Filter",
    effect=Effect.READ,
    sample="filter.json",
    answers={"true": "The run goes on", "false": "The run ends as skipped, with the reason"},
)
async def keep(_ctx: Context[CredentialsModel], wanted: Filter) -> None:
    """Go on only when the expression is true; otherwise the run ends as skipped and says why."""
    if not wanted.keep:
        raise NotApplicable(wanted.reason or "The filter is not met.")
