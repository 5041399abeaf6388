"""Search over pages, customers, flows, connections and runs: a page of its own, and the dialog behind Ctrl/Cmd+K."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.identity.roles import may
from affluent.web.customers.customer_list import entries
from affluent.web.navigation import ADMIN, MAIN
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_EACH = 5
_LONGEST = 200
_GROUPS = ("Customers", "Flows", "Connections", "Runs", "Money")
_SHORTEST_ID = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result of a search."""

    title: str
    text: str
    href: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """What was searched for, and the groups that have a result."""

    q: str
    groups: tuple[tuple[str, tuple[Hit, ...]], ...]


def routes(pages: PageRoutes) -> list[Route]:
    """The page and the dialog ask the same address."""
    return [pages.get("/search", index)]


async def index(request: PageRequest) -> Response:
    """The page; the dialog takes the hits out of it."""
    q = request.query("q")[:_LONGEST]
    hits_by_group = (
        await asyncio.gather(*(group(request, q) for group in (_customers, _flows, _connections, _runs, _amounts)))
        if q
        else []
    )
    groups = (("Pages", _pages(q)), *zip(_GROUPS, hits_by_group, strict=False))
    page = SearchPage(q=q, groups=tuple((title, hits) for title, hits in groups if hits))
    return await request.page("search/index.html", page, section="", crumbs=[("Search", "")])


def _pages(q: str) -> tuple[Hit, ...]:
    return tuple(
        Hit(title=entry.label, text="", href=entry.href, icon=entry.icon)
        for entry in (*MAIN, *ADMIN)
        if q.lower() in entry.label.lower()
    )


async def _customers(request: PageRequest, q: str) -> tuple[Hit, ...]:
    customers, _ = await entries(request.hub, search=q, limit=_EACH)
    return tuple(
        Hit(
            title=customer.name,
            text=f"{customer.id} · {customer.source}" if customer.source else customer.id,
            href=customer.address_of(customer.accounts[0].id) if customer.number == 1 else customer.address,
            icon="users",
        )
        for customer in customers
    )


async def _flows(request: PageRequest, q: str) -> tuple[Hit, ...]:
    flows = await request.hub.flows.list(search=q, limit=_EACH)
    return tuple(
        Hit(title=flow.name, text=flow.visibility, href=f"/flows/{flow.id}", icon="workflow") for flow in flows
    )


async def _connections(request: PageRequest, q: str) -> tuple[Hit, ...]:
    connections = await request.hub.connections.list(search=q, limit=_EACH)
    return tuple(
        Hit(title=connection.name, text=connection.app_title, href=f"/connections/{connection.id}", icon="link")
        for connection in connections
    )


async def _runs(request: PageRequest, q: str) -> tuple[Hit, ...]:
    result = await request.hub.run_search.find(q, limit=_EACH)
    runs = tuple(
        Hit(
            title=run.title or run.event_type,
            text=f"{run.flow_name} · {run.state}",
            href=f"/activity/{run.id}",
            icon="activity",
        )
        for run in result.runs
    )
    older = Hit(
        title=f"Look through all runs for “{q}”", text="", href=f"/activity?q={quote(q, safe='')}", icon="search"
    )
    return (*runs, older) if result.more else runs


async def _amounts(request: PageRequest, q: str) -> tuple[Hit, ...]:
    """An id of any system that has money behind it."""
    is_id = len(q) >= _SHORTEST_ID and " " not in q and any(letter.isdigit() for letter in q)
    if not is_id or not may(request.person.role, "reconciliation:read"):
        return ()
    known, identities = await asyncio.gather(request.hub.why.knows(q), request.hub.identity_map.page(q=q, limit=_EACH))
    why = (Hit(title=f"Why? {q}", text=known, href=f"/why/{quote(q, safe='')}", icon="circle-help"),) if known else ()
    return why + tuple(
        Hit(
            title=identity.account_name or identity.account_id,
            text=f"{identity.connection_name or identity.app} {identity.external_id}",
            href=f"/accounts/{quote(identity.account_id)}/settings",
            icon="fingerprint",
        )
        for identity in identities[0]
    )
