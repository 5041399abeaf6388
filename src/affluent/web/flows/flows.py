"""Integrations, Flows: ready-made ones and one's own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.flows.views import FlowView
from affluent.services.identity.people import Role
from affluent.web.apps.apps import may_edit
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 48
SHOWS = {"": "All", "public": "Public", "private": "Private"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowsPage:
    """One page of the list of flows."""

    flows: tuple[FlowView, ...]
    q: str
    show: str
    segments: tuple[tuple[str, str, str], ...]
    older: str
    newer: str
    may_edit: bool


def routes(pages: PageRoutes) -> list[Route]:
    """Everybody who is signed in may look; developers may copy."""
    return [pages.get("/flows", index), pages.post("/flows/{flow}/copy", copy, role=Role.DEVELOPER)]


async def index(request: PageRequest) -> Response:
    """The list; `?q=` and `?show=` narrow it, `?after=` goes on."""
    q, after, asked_show = request.query("q")[:100], request.query("after"), request.query("show")
    show = asked_show if asked_show in SHOWS else ""
    flows = await request.hub.flows.list(visibility=show, search=q, limit=_PAGE, after=after)
    page = FlowsPage(
        flows=flows.items,
        q=q,
        show=show,
        segments=tuple((text, _address(q=q, show=key), "") for key, text in SHOWS.items()),
        older=_address(q=q, show=show, after=flows.next) if flows.next else "",
        newer=_address(q=q, show=show) if after else "",
        may_edit=may_edit(request.person),
    )
    return await request.page("flows/index.html", page, section="Flows", crumbs=[("Integrations", ""), ("Flows", "")])


async def copy(request: PageRequest) -> Response:
    """Copy a flow into a private draft, and go on in the editor."""
    made = await request.hub.flows.copy(request.path("flow"))
    return request.go(f"/flows/{made.flow.id}/edit", say="This is your own copy, a draft. The original stays as it is.")


def _address(**query: str) -> str:
    encoded = urlencode({name: value for name, value in query.items() if value})
    return f"/flows?{encoded}" if encoded else "/flows"
