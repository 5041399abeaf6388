"""One run: what happened in a sentence, its timeline, its attempts; resume, replay, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.domain.run import RESUMABLE, UNFINISHED, RunState
from affluent.kit.numbers import whole
from affluent.services.errors import Invalid, ServiceError
from affluent.services.identity.roles import may
from affluent.services.runs.service import BulkAction, Forecast
from affluent.services.runs.views import RunDetail
from affluent.store.runs import RunFilter
from affluent.web.activity.run_page import TABS, Call, Lineage, Row, calls, lineage, rows
from affluent.web.activity.run_story import Story, planned, story_of
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PARTS = ("head", "steps", "detail", "side")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What the page of a run shows."""

    detail: RunDetail
    story: Story
    rows: tuple[Row, ...]
    open: Row
    """The step whose details are shown."""
    tab: str
    tabs: tuple[tuple[str, str, int | str], ...]
    calls: tuple[tuple[Call, ...], ...]
    """The calls of each attempt of the open step."""
    lineage: tuple[Lineage, ...]
    is_unfinished: bool
    resume: str
    """What the button says; empty: it cannot be resumed."""
    can_cancel: bool
    may_act: bool
    dialog: str
    forecast: Forecast | None
    versions: tuple[int, ...]
    current_version: int
    form: Form
    link: str
    """The address without step and tab."""


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading and changing runs."""
    return [
        pages.get("/activity/{run}", show),
        pages.live_view("/activity/{run}/events", events),
        pages.post("/activity/{run}/resume", resume),
        pages.post("/activity/{run}/replay", replay),
        pages.post("/activity/{run}/cancel", cancel),
    ]


async def show(request: PageRequest) -> Response:
    """The page; `?step=2&tab=input` opens a step, `?dialog=replay` the dialog."""
    return await _answer(request, Form(), dialog=request.query("dialog"))


async def events(request: PageRequest) -> Response:
    """The stream of a run, with the step and tab that are open."""
    run_id, step, tab = request.path("run"), request.query("step"), request.query("tab")

    async def probe() -> Hashable:
        runs = await request.hub.runs.find(RunFilter(ids=(run_id,)), limit=1)
        return tuple((r.state, r.position, r.tries, r.due_at, r.sentence, r.finished_at) for r in runs)

    async def render() -> str:
        page = await _page(request, Form(), dialog="")
        return "".join(request.partial(f"#run-{part}", f"activity/run_{part}.html", page=page) for part in _PARTS)

    return request.stream(
        ("run", run_id, step, tab, may(request.person.role, "runs:write")), probe=probe, render=render
    )


async def resume(request: PageRequest) -> Response:
    """Go on at the step at which the run stopped."""
    run = await request.hub.runs.resume(request.path("run"))
    return request.go(
        f"/activity/{run.id}", say=f"It goes on at step {run.position + 1}. Applied steps are not repeated."
    )


async def replay(request: PageRequest) -> Response:
    """Start a new run of the same event."""
    form = await request.form()
    try:
        version = whole(form.text("version").strip())
        if version is None:
            raise Invalid("Choose a version.", field="version")
        run = await request.hub.runs.replay(request.path("run"), version=version)
    except ServiceError as error:
        form.blame(error, "version")
        return await _answer(request, form, dialog="replay", status=422)
    return request.go(f"/activity/{run.id}", say="This is the new run of the same event.")


async def cancel(request: PageRequest) -> Response:
    """Cancel the run; a running one stops after its current step."""
    run = await request.hub.runs.cancel(request.path("run"))
    say = "It stops after its current step." if run.state == RunState.RUNNING else "The run is cancelled."
    return request.go(f"/activity/{run.id}", say=say)


async def _answer(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    page = await _page(request, form, dialog=dialog)
    run = page.detail.run
    crumbs = [("Integrations", ""), ("Activity", "/activity"), (run.title or run.id, "")]
    return await request.page("activity/run.html", page, section="Activity", crumbs=crumbs, status=status)


async def _page(request: PageRequest, form: Form, *, dialog: str) -> RunPage:
    hub, may_act = request.hub, may(request.person.role, "runs:write")
    detail = await hub.runs.get(request.path("run"))
    run = detail.run
    dialog = dialog if may_act and dialog in ("replay", "cancel") else ""
    plan = planned(detail, hub.catalog)
    names, forecast, versions = await asyncio.gather(
        _waits_for(request, run.waits_for), _forecast(request, run.id, dialog), _versions(request, run.flow_id, dialog)
    )
    shown = rows(detail, plan, hub.catalog)
    opened = _opened(request.query("step"), shown, run.position, run.state)
    attempts = opened.view.attempts if opened.view else ()
    tab = request.query("tab") if request.query("tab") in TABS else "attempts" if opened.number else "input"
    link = f"/activity/{quote(run.id)}"
    return RunPage(
        detail=detail,
        story=story_of(detail, plan, names),
        rows=shown,
        open=opened,
        tab=tab,
        tabs=_tabs(link, opened, len(attempts)),
        calls=tuple(calls(attempt) for attempt in attempts),
        lineage=lineage(detail, plan),
        is_unfinished=RunState(run.state) in UNFINISHED,
        resume=_resume(run.state, run.position, len(plan)),
        can_cancel=RunState(run.state) in UNFINISHED,
        may_act=may_act,
        dialog=dialog,
        forecast=forecast,
        versions=versions,
        current_version=versions[0] if versions else run.flow_version,
        form=form,
        link=link,
    )


def _tabs(link: str, opened: Row, attempts: int) -> tuple[tuple[str, str, int | str], ...]:
    """Title, address and count of each tab of a step; the trigger has only its input."""
    return tuple(
        (text, f"{link}?step={opened.number}&tab={key}", attempts if key == "attempts" and attempts else "")
        for key, text in TABS.items()
        if opened.number or key == "input"
    )


def _opened(asked_step: str, shown: tuple[Row, ...], position: int, state: str) -> Row:
    """The step that was asked for, else the one that needs a look, else the last that was reached."""
    number = whole(asked_step)
    if number is not None and number < len(shown):
        return shown[number]
    if state not in (RunState.SUCCEEDED, RunState.SKIPPED) and position + 1 < len(shown):
        return shown[position + 1]
    return next((row for row in reversed(shown) if row.view), shown[0])


def _resume(state: str, position: int, steps: int) -> str:
    if RunState(state) not in RESUMABLE:
        return ""
    return "Retry now" if state == RunState.WAITING else f"Resume from step {min(position + 1, max(steps, 1))}"


async def _waits_for(request: PageRequest, connection_id: str) -> dict[str, str]:
    if not connection_id:
        return {}
    try:
        return {connection_id: (await request.hub.connections.get(connection_id)).name}
    except ServiceError:
        return {}


async def _forecast(request: PageRequest, run_id: str, dialog: str) -> Forecast | None:
    if dialog != "replay":
        return None
    return await request.hub.runs.forecast(RunFilter(ids=(run_id,)), BulkAction.REPLAY)


async def _versions(request: PageRequest, flow_id: str, dialog: str) -> tuple[int, ...]:
    """Newest first, when they can be chosen."""
    if dialog != "replay":
        return ()
    return tuple(sorted((version.number for version in (await request.hub.flows.get(flow_id)).versions), reverse=True))
