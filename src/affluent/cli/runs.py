"""`affluent runs`: list, follow, show in words, resume, replay and cancel; many at once after a forecast."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.progress import progress
from affluent.cli.show import with_hub
from affluent.domain.run import RunState
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.numbers import whole
from affluent.services.runs.service import BulkAction, Forecast
from affluent.services.runs.views import RunDetail, RunView
from affluent.store.runs import RunFilter

runs = typer.Typer(help="Runs: what happened.", no_args_is_help=True)

_LOOK_SECONDS = 0.5
_LONG_AGO = timedelta(days=36_500)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

States = Annotated[list[str] | None, typer.Option("--state", help="Only in this state; may be given several times.")]
FlowId = Annotated[str, typer.Option("--flow", help="Only of this flow (id).")]
Account = Annotated[str, typer.Option(help="Only of this account.")]
Cause = Annotated[str, typer.Option(help="Only with this cause, e.g. auth_failed.")]
Text = Annotated[
    str,
    typer.Option(
        help="Only those whose title or sentence holds this; or the id of a run, an event, an account, a customer, an invoice"
        " or of any system."
    ),
]
Since = Annotated[str, typer.Option(help="Only since then: 30m, 6h, 7d, or 2026-01-31.")]


@runs.command("list")
def list_runs(
    state: States = None,
    flow: FlowId = "",
    account: Account = "",
    cause: Cause = "",
    text: Text = "",
    since: Since = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 30,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Runs, newest first."""
    query = _filter(state, flow=flow, account=account, cause=cause, text=text, since=since)
    listed = with_hub(lambda hub: hub.runs.find(query, limit=limit), data_dir, database_url)
    if as_json:
        say_json([asdict(run) for run in listed])
        return
    rows = [[run.id, run.state, run.title, run.flow_name, run.sentence] for run in listed]
    table("Runs", ["Id", "State", "About", "Flow", "What happened"], rows)


@runs.command("tail")
def tail_runs(
    state: States = None,
    flow: FlowId = "",
    account: Account = "",
    since: Since = "",
    seconds: Annotated[float, typer.Option(min=0, help="Stop after so many seconds; 0: until Ctrl-C.")] = 0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Runs as they begin and end, one line each (with --json one object each); from now on, or since a moment."""
    query = _filter(state, flow=flow, account=account, since=since)
    with_hub(lambda hub: _follow(hub, query, seconds, as_json=as_json), data_dir, database_url)


@runs.command("show")
def show_run(run_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """One run in words: every step, every attempt, and what to do."""
    detail = with_hub(lambda hub: hub.runs.get(run_id), data_dir, database_url)
    if as_json:
        say_json(asdict(detail))
        return
    _show(detail)


@runs.command("resume")
def resume_run(
    run_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Continue a run from the step where it stands. A running server takes it up."""
    _tell(with_hub(lambda hub: hub.runs.resume(run_id), data_dir, database_url), as_json=as_json)


@runs.command("replay")
def replay_run(
    run_id: str,
    version: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Version of the flow; default: the current one.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """A new run of the same event on the current version; what was applied is not repeated."""
    _tell(with_hub(lambda hub: hub.runs.replay(run_id, version=version), data_dir, database_url), as_json=as_json)


@runs.command("cancel")
def cancel_run(
    run_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Stop a run; one that is executing stops after its current step."""
    _tell(with_hub(lambda hub: hub.runs.cancel(run_id), data_dir, database_url), as_json=as_json)


@runs.command("bulk")
def bulk_runs(
    action: Annotated[BulkAction, typer.Argument(help="resume, replay or cancel.")],
    state: States = None,
    flow: FlowId = "",
    account: Account = "",
    cause: Cause = "",
    text: Text = "",
    since: Since = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only the forecast is shown.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say what an action would do to all matching runs; with --yes, do it."""
    query = _filter(state, flow=flow, account=account, cause=cause, text=text, since=since)
    if query == RunFilter():
        fail("Say which runs: --state, --flow, --account, --cause, --text or --since.", MISUSED)

    async def work(hub: Hub) -> tuple[Forecast, int | None]:
        forecast = await hub.runs.forecast(query, action)
        if not yes or not forecast.runs:
            return forecast, None
        with progress(action.value.capitalize(), unit="runs") as tell:
            return forecast, await hub.runs.bulk(query, action, tell)

    forecast, done = with_hub(work, data_dir, database_url)
    if as_json:
        say_json({**asdict(forecast), "done": done})
        return
    money = ", ".join(f"{amount} {currency}" for currency, amount in forecast.money.items())
    console.print(
        f"{forecast.action}: {forecast.runs} runs; {forecast.would_send} would send{f' ({money})' if money else ''}, "
        f"{forecast.already_applied} are applied already, {forecast.not_possible} do not allow it.",
        highlight=False,
    )
    console.print("Nothing was done; add --yes to do it." if done is None else f"Done: {done} runs.", highlight=False)


def _filter(
    states: list[str] | None, *, flow: str = "", account: str = "", cause: str = "", text: str = "", since: str = ""
) -> RunFilter:
    unknown = [state for state in states or () if state not in tuple(RunState)]
    if unknown:
        fail(f"--state {unknown[0]}: there is no such state; there are {', '.join(RunState)}.", MISUSED)
    return RunFilter(
        states=tuple(states or ()), flow_id=flow, account_id=account, cause=cause, text=text, since=_moment(since)
    )


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    number = whole(text[:-1], digits=6)
    if text[-1] in _UNITS and number is not None:
        return max(clock.now() - min(number * _UNITS[text[-1]], _LONG_AGO), clock.EARLIEST)
    try:
        given = datetime.fromisoformat(text)
        moment = clock.plausible(given if given.tzinfo else given.astimezone())
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        fail(f"--since {text}: write 30m, 6h, 7d, or a date from 1970 on like 2026-01-31.", MISUSED)
    return moment


async def _follow(hub: Hub, query: RunFilter, seconds: float, *, as_json: bool) -> None:
    """Every run once when it is seen first, and once more when its state has changed."""
    loop = asyncio.get_running_loop()
    ends, seen, known = loop.time() + seconds, first_id("run", query.since or clock.now()), dict[str, str]()
    while not seconds or loop.time() < ends:
        for run in await hub.runs.find(query, limit=200, after=seen):
            if known.get(run.id) == run.state:
                continue
            known[run.id] = run.state
            _line(run, as_json=as_json)
        await asyncio.sleep(_LOOK_SECONDS)


def _line(run: RunView, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(run))
        return
    at = (run.finished_at or run.created_at).strftime("%H:%M:%S")
    console.print(f"{at} {run.state:<9} {run.title}  {run.flow_name}  {run.sentence}", highlight=False, soft_wrap=True)


def _tell(run: RunView, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(run))
        return
    console.print(f"{run.id} is {run.state}.", highlight=False)


def _show(detail: RunDetail) -> None:
    run = detail.run
    console.print(f"[bold]{run.title or run.event_type}[/bold]: {run.state}. {run.sentence}", highlight=False)
    console.print(
        f"{run.flow_name}, version {run.flow_version}, {run.flow_connection_name} · {run.event_id}", highlight=False
    )
    if run.due_at and run.state in (RunState.WAITING, RunState.QUEUED):
        console.print(f"Tried again at {run.due_at:%Y-%m-%d %H:%M:%S} UTC.", highlight=False)
    for step in detail.steps:
        text = f"{step.outcome or step.state}. {step.sentence}".strip()
        console.print(f"{step.position + 1}. {step.app}.{step.action} ({step.step_id}): {text}", highlight=False)
        for attempt in step.attempts:
            status = f", HTTP {attempt.status}" if attempt.status else ""
            console.print(
                f"   try {attempt.number} at {attempt.started_at:%H:%M:%S}, {attempt.milliseconds} ms{status}: "
                f"{attempt.outcome}. {attempt.sentence}",
                highlight=False,
            )
    if run.state in (RunState.FAILED, RunState.UNKNOWN):
        console.print(f"What to do: mend the cause, then: affluent runs resume {run.id}", highlight=False)
