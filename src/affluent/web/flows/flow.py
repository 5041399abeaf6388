"""One flow: its chain, its runs, its connections, its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.numbers import whole
from affluent.services.errors import NotFound, ServiceError
from affluent.services.flows.flow_connection_views import FlowConnectionView
from affluent.services.flows.views import FlowDetail, VersionView
from affluent.services.identity.people import Role
from affluent.services.runs.views import RunView
from affluent.store.runs import RunFilter
from affluent.web.apps.apps import may_edit
from affluent.web.flows.background_jobs import Standing, standings
from affluent.web.flows.cards import TABS, Card, cards, said_by
from affluent.web.flows.switch_on import SwitchOn, switch_on
from affluent.web.formatting import json_text as jsonview
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 50
_OF_A_LINK = ("edit", "trigger", "remove", "rotate", "poll", "backfill")
_NO_FORM = SwitchOn(places=(), inputs=(), tables={}, values={}, known=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPage:
    """A flow with the tab and the dialog that are open."""

    detail: FlowDetail
    status: str
    tab: str
    tabs: tuple[tuple[str, str, int | str], ...]
    cards: tuple[Card, ...]
    runs: tuple[RunView, ...]
    links: tuple[FlowConnectionView, ...]
    standings: Mapping[str, Standing]
    """Flow connection → what workers do for it."""
    names: Mapping[str, str]
    """Connection id → name."""
    versions: tuple[VersionView, ...]
    older: str
    newer: str
    form: Form
    dialog: str
    """connect, edit, trigger, remove, rotate, poll, backfill or delete."""
    link: FlowConnectionView | None
    """The flow connection that the dialog is about."""
    switch_on: SwitchOn
    sample: str
    """JSON that Trigger now begins with."""
    may_edit: bool


def routes(pages: PageRoutes) -> list[Route]:
    """Everybody who is signed in may look; developers may change."""
    role = Role.DEVELOPER
    return [
        pages.get("/flows/{flow}", show),
        *(pages.get(f"/flows/{{flow}}/{tab}", show) for tab in TABS if tab),
        pages.post("/flows/{flow}/versions/{number:int}/restore", restore, role=role),
        pages.post("/flows/{flow}/delete", delete, role=role),
    ]


async def show(request: PageRequest) -> Response:
    """The page; the tab is the end of the address, `?dialog=` and `?of=` open a dialog."""
    tab = request.http.url.path.rstrip("/").rsplit("/", 1)[-1]
    return await flow_page(
        request, Form(), tab=tab if tab in TABS else "", dialog=request.query("dialog"), of=request.query("of")
    )


async def restore(request: PageRequest) -> Response:
    """Make an older version the draft, to be looked at and published."""
    number = whole(request.path("number"), digits=6) or 0  # no flow has a version 0
    made = await request.hub.flows.restore(request.path("flow"), number)
    return request.go(
        f"/flows/{made.flow.id}/edit", say=f"Version {number} is the draft now. Publish it to bring it back."
    )


async def delete(request: PageRequest) -> Response:
    """Delete a private flow, when its name was typed."""
    flow, form = (await request.hub.flows.get(request.path("flow"))).flow, await request.form()
    if form.text("confirm").strip() != flow.name:
        form.wrong("confirm", f"Type {flow.name} to delete it.")
        return await flow_page(request, form, dialog="delete", status=422)
    try:
        await request.hub.flows.delete(flow.id)
    except ServiceError as error:
        form.blame(error, "confirm")
        return await flow_page(request, form, dialog="delete", status=422)
    return request.go("/flows", say=f"{flow.name} is deleted. Its runs stay in Activity.")


async def flow_page(
    request: PageRequest, form: Form, *, tab: str = "", dialog: str = "", of: str = "", status: int = 200
) -> Response:
    """The page of a flow with a form in one of its dialogs; raises NotFound."""
    hub, flow_id = request.hub, request.path("flow")
    detail = await hub.flows.get(flow_id)
    edits = may_edit(request.person)
    link = await _link(request, flow_id, of) if of else None
    if not edits or (dialog in _OF_A_LINK and link is None):
        dialog = ""
    listed = await _listed(request, tab, edits=edits)
    chain = cards(detail.definition, hub.catalog) if detail.definition else ()
    page = FlowPage(
        detail=detail,
        status=said_by(detail),
        tab=tab,
        tabs=_tabs(detail),
        cards=chain,
        runs=listed.runs,
        links=listed.links,
        standings=await standings(hub, [item.id for item in listed.links]),
        names=await _names(request) if tab == "connections" else {},
        versions=detail.versions if tab == "versions" else (),
        older=listed.older,
        newer=_newer(request, tab),
        form=form,
        dialog=dialog,
        link=link,
        switch_on=await _switch_on(request, detail, form, dialog, link),
        sample=jsonview.text(chain[0].sample) if chain and dialog == "trigger" else "",
        may_edit=edits,
    )
    crumbs = [("Integrations", ""), ("Flows", "/flows"), (detail.flow.name, "")]
    return await request.page("flows/show.html", page, section="Flows", crumbs=crumbs, status=status)


async def _switch_on(
    request: PageRequest, detail: FlowDetail, form: Form, dialog: str, link: FlowConnectionView | None
) -> SwitchOn:
    if detail.definition is None or dialog not in ("connect", "edit"):
        return _NO_FORM
    if dialog == "edit" and link is not None:
        return await switch_on(request.hub, detail.definition, form, bindings=link.bindings, inputs=link.inputs)
    return await switch_on(request.hub, detail.definition, form)


async def _link(request: PageRequest, flow_id: str, link_id: str) -> FlowConnectionView:
    link = await request.hub.flow_connections.get(link_id)
    if link.flow_id != flow_id:
        raise NotFound(f"This flow has no connection {link_id}.")
    return link


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """The rows of a tab that is a list, and the address of its next page; all empty for the other tabs."""

    runs: tuple[RunView, ...] = ()
    links: tuple[FlowConnectionView, ...] = ()
    older: str = ""


async def _listed(request: PageRequest, tab: str, *, edits: bool) -> _Listed:
    """Addresses of webhooks are left out for those who may not edit."""
    hub, flow_id = request.hub, request.path("flow")
    base = f"/flows/{flow_id}"
    if tab == "activity":
        runs = await hub.runs.find(RunFilter(flow_id=flow_id), limit=_PAGE + 1, before=request.query("before"))
        older = f"{base}/activity?before={runs[_PAGE - 1].id}" if len(runs) > _PAGE else ""
        return _Listed(runs=tuple(runs[:_PAGE]), older=older)
    if tab == "connections":
        page = await hub.flow_connections.list(flow_id=flow_id, limit=_PAGE, after=request.query("after"))
        links = tuple(link if edits else link.without_address() for link in page.items)
        return _Listed(links=links, older=f"{base}/connections?after={page.next}" if page.next else "")
    return _Listed()


async def _names(request: PageRequest) -> dict[str, str]:
    return {connection.id: connection.name for connection in (await request.hub.connections.list(limit=200)).items}


def _newer(request: PageRequest, tab: str) -> str:
    """The first page of the tab's list; empty when it is shown already."""
    return f"/flows/{request.path('flow')}/{tab}" if request.query("after") or request.query("before") else ""


def _tabs(detail: FlowDetail) -> tuple[tuple[str, str, int | str], ...]:
    """Title, address and count of each tab; an empty count for those that are no lists."""
    base = f"/flows/{detail.flow.id}"
    counts = {"connections": detail.flow.connections, "versions": detail.flow.version}
    return tuple((text, f"{base}/{key}" if key else base, counts.get(key, "")) for key, text in TABS.items())
