"""Home: is money flowing, what needs attention, what came last; and the first steps while there are any left."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from affluent.kit import clock
from affluent.services.connections.views import ConnectionView
from affluent.services.reconciliation.views import StatementView
from affluent.services.runs.activity_statistics import Hour
from affluent.services.runs.views import Cause, RunView
from affluent.store.runs import RunFilter
from affluent.web.formatting import times
from affluent.web.formatting.charts import Bar, stacked
from affluent.web.reconciliation.page import amount, days_of
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_LATEST = 8
_CAUSES = 5
_STATEMENTS = 3
_PARTS = ("figures", "attention", "pulse", "latest", "first_steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """One of the first steps; it ticks itself."""

    title: str
    text: str
    href: str
    action: str
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """What Home shows."""

    applied: int
    events: int
    waiting: int
    """Runs that retry by themselves."""
    paused: int
    """Runs that wait for a connection to be repaired."""
    failed: int
    unknown: int
    hours: tuple[Hour, ...]
    causes: tuple[Cause, ...]
    broken: tuple[ConnectionView, ...]
    """Connections that need attention."""
    latest: tuple[RunView, ...]
    first_steps: tuple[FirstStep, ...]
    statement: StatementView | None
    """The newest statement that is done."""

    @property
    def unreconciled(self) -> tuple[str, ...]:
        """The remainders of the newest statement, the currencies in which nothing is left aside."""
        figures = self.statement.figures if self.statement else ()
        return tuple(amount(figure.unexplained, figure.currency) for figure in figures if figure.unexplained)

    @property
    def is_counting(self) -> bool:
        """Whether some of the hours are still being counted."""
        return not all(hour.is_counted for hour in self.hours)

    @property
    def days(self) -> str:
        """The days of the newest statement in words."""
        return days_of(self.statement) if self.statement else ""

    @property
    def steps_left(self) -> int:
        """How many of the first steps are not done."""
        return sum(not step.is_done for step in self.first_steps)

    def chart(self, width: int) -> Markup:
        """Effects by the hour, drawn for a width."""
        every = 4 if width > 500 else 8
        bars = [
            Bar(
                title=f"{times.local(hour.begins_at):%H:%M}: {hour.applied} applied, {hour.refused} refused or unknown",
                label=f"{times.local(hour.begins_at):%H:%M}" if index % every == every // 2 else "",
                values=(hour.applied, hour.refused),
            )
            for index, hour in enumerate(self.hours)
        ]
        text = f"{self.events} events came in, {self.applied} effects were applied."
        return stacked(bars, ("a", "c"), title="Effects per hour, last 24 hours", text=text, width=width, height=180)


def routes(pages: PageRoutes) -> list[Route]:
    """Home and its stream."""
    return [pages.get("/", index), pages.live_view("/home/events", events)]


async def index(request: PageRequest) -> Response:
    """Home, with the first steps while there are any left."""
    return await request.page("home/index.html", await _home(request), section="Home", crumbs=[("Home", "")])


async def events(request: PageRequest) -> Response:
    """The stream: every part again when a count, a state or the minute has changed."""

    async def probe() -> Hashable:
        counts, latest, broken, hours = await asyncio.gather(
            request.hub.runs.counts(),
            request.hub.runs.find(RunFilter(), limit=_LATEST),
            request.hub.connections.list(status="needs_attention", limit=_CAUSES),
            request.hub.pulse.last_day(),
        )
        shown = tuple((run.id, run.state, run.sentence) for run in latest)
        minute = int(clock.now().timestamp() // 60)
        return shown, tuple(sorted(counts.items())), tuple(item.id for item in broken), hours, minute

    async def render() -> str:
        page = await _home(request)
        return "".join(request.partial(f"#{part.replace('_', '-')}", f"home/{part}.html", page=page) for part in _PARTS)

    return request.stream("home", probe=probe, render=render)


async def _home(request: PageRequest) -> HomePage:
    hub = request.hub
    hours, counts, causes, broken, latest, steps = await asyncio.gather(
        hub.pulse.last_day(),
        hub.runs.counts(),
        hub.runs.causes(),
        hub.connections.list(status="needs_attention", limit=_CAUSES),
        hub.runs.find(RunFilter(), limit=_LATEST),
        _first_steps(request),
    )
    statements = await hub.reconciliation.find(limit=_STATEMENTS)
    return HomePage(
        applied=sum(hour.applied for hour in hours),
        events=sum(hour.events for hour in hours),
        waiting=counts.get("waiting", 0),
        paused=counts.get("paused", 0),
        failed=counts.get("failed", 0),
        unknown=counts.get("unknown", 0),
        hours=hours,
        causes=tuple(cause for cause in causes if cause.state not in ("waiting", "paused"))[:_CAUSES],
        broken=broken.items,
        latest=tuple(latest),
        first_steps=steps,
        statement=next((statement for statement in statements if statement.phase == "done"), None),
    )


async def _first_steps(request: PageRequest) -> tuple[FirstStep, ...]:
    hub = request.hub
    connections, links, runs = await asyncio.gather(
        hub.connections.list(limit=50),
        hub.flow_connections.list(enabled=True, limit=1),
        hub.runs.find(RunFilter(), limit=1),
    )
    return (
        FirstStep(
            title="Connect the apps your money moves through",
            text="Togai, or the billing workspace built in here, and FirstPromoter. Each key is tested as you save it.",
            href="/apps",
            action="Connect",
            is_done=len({item.app for item in connections}) > 1,
        ),
        FirstStep(
            title="Switch on a ready-made flow",
            text="Pick a connection for each of its steps; nothing to map, nothing to program.",
            href="/flows?show=public",
            action="Choose a flow",
            is_done=len(links) > 0,
        ),
        FirstStep(
            title="Watch the first event arrive",
            text="Create a customer in your billing, or trigger the flow now; its run shows up here by itself.",
            href="/activity",
            action="Open activity",
            is_done=len(runs) > 0,
        ),
    )
