"""Activity: all runs by filters that stand in the address, failures by cause, what to do to many at once, deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.responses import Response
from starlette.routing import Route

from affluent.domain.run import RunState
from affluent.services.errors import Invalid
from affluent.services.identity.roles import may
from affluent.services.runs.events import DeliveryView
from affluent.services.runs.service import BulkAction, Forecast, RunFilter, RunPage
from affluent.services.runs.views import Cause, RunView
from affluent.web.activity.filters import RANGES, ActivityFilter, from_query
from affluent.web.formatting import times
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 50
_MOST = 200
"""Rows of a page that arriving ones have made longer."""
_CAUSES = 6
_ACTIONS = {"resume": "Resume", "replay": "Replay", "cancel": "Cancel"}
_DONE = {"resume": "resumed", "replay": "replayed", "cancel": "cancelled"}
VERDICTS = {
    "accepted": "Accepted",
    "bad_signature": "The signature is missing or wrong. Check the webhook secret on both sides.",
    "wrong_token": "The address is not the one of this flow connection any more. Copy it again.",
    "unknown_hook": "There is no webhook at this address. Copy it again from the flow connection.",
    "disabled": "The flow connection is switched off.",
    "not_json": "The body is not JSON.",
    "not_an_object": "The body is JSON, but not an object.",
    "unreadable": "The body is not an event of this app.",
    "too_large": "The body is larger than this server accepts.",
    "no_secret": "There is no webhook secret to verify with. Enter it in the connection.",
    "too_slow": "The body did not come to its end in time.",
    "unknown_encoding": "The body is packed in a way that is not known here.",
    "unknown_charset": "The body is in a charset that is not known here.",
    "not_unpacked": "The body is said to be packed, but cannot be unpacked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What each filter of the list offers: pairs of value and text."""

    flows: tuple[tuple[str, str], ...]
    connections: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    ranges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Failures with one cause, and what is done about all of them."""

    cause: Cause
    filter: ActivityFilter
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPage:
    """One page of the list of runs."""

    filter: ActivityFilter
    choices: Choices
    runs: tuple[RunView, ...]
    groups: tuple[Group, ...]
    older: str
    newer: str
    looked_back_to: datetime | None
    """A search for a text has read the runs back to then; older ones are still to be read."""
    oldest: str
    """The last row of a full page: what arrives later does not push it off."""
    is_live: bool
    dialog: str
    forecast: Forecast | None
    may_act: bool
    tabs: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesPage:
    """What came over HTTP, also what was refused."""

    deliveries: tuple[DeliveryView, ...]
    verdict: str
    verdicts: tuple[tuple[str, str], ...]
    words: dict[str, str]
    names: dict[str, tuple[str, str]]
    """Flow connection → its name and its flow."""
    older: str
    newer: str
    tabs: tuple[tuple[str, str, str], ...]


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading and changing runs."""
    return [
        pages.get("/activity", index),
        pages.live_view("/activity/events", events),
        pages.get("/activity/deliveries", deliveries),
        pages.post("/activity/bulk", bulk),
    ]


_TABS = (("Runs", "/activity", ""), ("Deliveries", "/activity/deliveries", ""))


async def index(request: PageRequest) -> Response:
    """The list; every filter is a field of the address, `?dialog=resume` asks before many are changed."""
    page = await _page(request)
    return await request.page(
        "activity/index.html", page, section="Activity", crumbs=[("Integrations", ""), ("Activity", "")]
    )


async def events(request: PageRequest) -> Response:
    """The stream of the first page: its rows and the failures by cause."""
    chosen, oldest = _chosen(request), request.query("oldest")

    async def probe() -> Hashable:
        # Asked twice a second: without the text, which is looked for only when something has changed.
        first_page = await _rows(request, replace(chosen, q="").runs(), oldest=oldest)
        return tuple((run.id, run.state, run.sentence) for run in first_page.items)

    async def render() -> str:
        page = await _page(request)
        parts = ("causes", "rows")
        return "".join(request.partial(f"#{part}", f"activity/{part}.html", page=page) for part in parts)

    key = ("activity", chosen, oldest, may(request.person.role, "runs:write"))
    return request.stream(key, probe=probe, render=render)


async def bulk(request: PageRequest) -> Response:
    """Resume, replay or cancel every run that matches the filter, as the dialog forecast."""
    form = await request.form()
    token = times.zone_name.set(request.zone)
    try:
        chosen = from_query({name: form.text(name) for name in ActivityFilter.__dataclass_fields__})
        selection = chosen.runs()
    finally:
        times.zone_name.reset(token)
    action = form.text("action")
    if action not in _ACTIONS:
        raise Invalid("Choose what to do: resume, replay or cancel.", field="action")
    if chosen.is_empty:
        raise Invalid("Choose a filter first; without one it would mean every run there is.")
    count = await request.hub.runs.bulk(selection, BulkAction(action))
    back = replace(chosen, state="", cause="") if action != "replay" else chosen
    return request.go(back.address(), say=f"{count:,} {'run is' if count == 1 else 'runs are'} {_DONE[action]}.")


async def deliveries(request: PageRequest) -> Response:
    """What hooks received, newest first."""
    hub, before = request.hub, request.query("before")
    verdict = request.query("verdict") if request.query("verdict") in VERDICTS else ""
    received, links, flows = await asyncio.gather(
        hub.events.deliveries(verdict=verdict, limit=_PAGE + 1, before=before),
        hub.flow_connections.list(limit=200),
        hub.flows.list(limit=200),
    )
    flow_names = {flow.id: flow.name for flow in flows}
    chosen = f"verdict={verdict}&" if verdict else ""
    page = DeliveriesPage(
        deliveries=tuple(received[:_PAGE]),
        verdict=verdict,
        verdicts=(("", "All verdicts"), *((key, key.replace("_", " ").capitalize()) for key in VERDICTS)),
        words=VERDICTS,
        names={link.id: (link.name, flow_names.get(link.flow_id, "")) for link in links},
        older=f"/activity/deliveries?{chosen}before={received[_PAGE - 1].id}" if len(received) > _PAGE else "",
        newer=f"/activity/deliveries?{chosen}" if before else "",
        tabs=_TABS,
    )
    crumbs = [("Integrations", ""), ("Activity", "/activity"), ("Deliveries", "")]
    return await request.page("activity/deliveries.html", page, section="Activity", crumbs=crumbs)


def _chosen(request: PageRequest) -> ActivityFilter:
    token = times.zone_name.set(request.zone)
    try:
        return from_query(request.http.query_params)
    finally:
        times.zone_name.reset(token)


async def _page(request: PageRequest) -> ActivityPage:
    chosen, before = _chosen(request), request.query("before")
    may_act = may(request.person.role, "runs:write")
    dialog = request.query("dialog") if may_act and not chosen.is_empty and request.query("dialog") in _ACTIONS else ""
    token = times.zone_name.set(request.zone)
    selection = chosen.runs()
    times.zone_name.reset(token)
    runs, causes, forecast, choices = await asyncio.gather(
        _rows(request, selection, before=before, oldest=request.query("oldest")),
        _causes(request, before),
        _forecast(request, chosen, dialog),
        _choices(request),
    )
    return ActivityPage(
        filter=chosen,
        choices=choices,
        runs=runs.items,
        groups=tuple(_group(cause) for cause in causes[:_CAUSES]),
        older=chosen.address(before=runs.next) if runs.next else "",
        looked_back_to=runs.looked_back_to,
        newer=chosen.address() if before else "",
        oldest=runs.items[-1].id if runs.next and not runs.looked_back_to else "",
        is_live=not before,
        dialog=dialog,
        forecast=forecast,
        may_act=may_act,
        tabs=_TABS,
    )


async def _rows(request: PageRequest, selection: RunFilter, *, before: str = "", oldest: str = "") -> RunPage:
    """The rows of a page; from the newest to the `oldest` of a page that has grown."""
    if not oldest:
        return await request.hub.runs.page(selection, limit=_PAGE, after=before)
    page = await request.hub.runs.page(selection, limit=_MOST - 1)
    kept = page.items[: max(sum(run.id >= oldest for run in page.items), 1)]
    return page if len(kept) == len(page.items) else RunPage(items=kept, next=kept[-1].id)


async def _causes(request: PageRequest, before: str) -> list[Cause]:
    return [] if before else await request.hub.runs.causes()


def _group(cause: Cause) -> Group:
    chosen = ActivityFilter(flow=cause.flow_id, state=cause.state, cause=cause.cause)
    return Group(cause=cause, filter=chosen, action="resume")


async def _forecast(request: PageRequest, chosen: ActivityFilter, dialog: str) -> Forecast | None:
    if not dialog:
        return None
    token = times.zone_name.set(request.zone)
    selection = chosen.runs()
    times.zone_name.reset(token)
    return await request.hub.runs.forecast(selection, BulkAction(dialog))


async def _choices(request: PageRequest) -> Choices:
    flows, connections = await asyncio.gather(
        request.hub.flows.list(limit=200), request.hub.connections.list(limit=200)
    )
    return Choices(
        flows=(("", "All flows"), *((flow.id, flow.name) for flow in flows)),
        connections=(("", "All connections"), *((connection.id, connection.name) for connection in connections)),
        states=(("", "All statuses"), *((state.value, state.value.capitalize()) for state in RunState)),
        ranges=tuple(RANGES.items()),
    )
