"""Integrations, Apps: the catalogue with all connections, and the page of one app."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from affluent.sdk import App, Category
from affluent.services.connections.apps import AppDetail, AppView, apps, broken_apps
from affluent.services.connections.health import ConnectionHealth
from affluent.services.connections.views import ConnectionView
from affluent.services.errors import NotFound
from affluent.services.identity.people import PersonView
from affluent.services.identity.roles import may
from affluent.web.apps import readme
from affluent.web.apps.operations import KINDS, Operation, drawn, operations_of
from affluent.web.apps.schema_fields import SchemaField, fields_of
from affluent.web.formatting.charts import spark
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 50
_FLOWS = 200
SHOWS = {"": "All", "connected": "Connected", "attention": "Needs attention"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An app of the catalogue with how it is used."""

    app: AppView
    flows: int
    connected: int
    """Connections that are active or disabled."""
    ailing: int
    """Connections that need attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A connection as a line of a list."""

    connection: ConnectionView
    place: str
    """Which of the vendor's systems it is: an address, an id; empty when nothing tells."""
    health: ConnectionHealth
    waiting: int
    """Runs that wait for it."""

    @property
    def strip(self) -> Markup:
        """The health of the last 24 hours as a small chart."""
        return spark(self.health.kinds, label=self.health.words)

    @property
    def flows(self) -> int:
        """How many flows use the connection."""
        return len({use.flow_id for use in self.connection.used_by})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppsPage:
    """The catalogue with the connections."""

    cards: tuple[Card, ...]
    broken: tuple[AppView, ...]
    """Installed apps that cannot be used."""
    lines: tuple[Line, ...]
    ailing: tuple[Line, ...]
    q: str
    show: str
    counts: Mapping[str, int]
    connectable: tuple[AppView, ...]
    older: str
    newer: str
    dialog: str
    may_edit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPage:
    """One app with its connections."""

    detail: AppDetail
    tab: str
    triggers: int
    actions: int
    operations: Markup
    """The list of what the tab is about."""
    lines: tuple[Line, ...]
    older: str
    fields: tuple[SchemaField, ...]
    """Of a connection."""
    has_readme: bool
    limit: str
    flows: int
    form: Form
    dialog: str
    may_edit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationPage:
    """One trigger or action with all its parts."""

    app: AppView
    kind: str
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadmePage:
    """The README of an app."""

    app: AppView
    readme: Markup


def routes(pages: PageRoutes) -> list[Route]:
    """Everybody who is signed in may look."""
    return [
        pages.get("/apps", index),
        pages.get("/apps/{app}", show),
        pages.get("/apps/{app}/readme", readme_page),
        pages.get("/apps/{app}/{kind}/{operation}", operation),
    ]


async def index(request: PageRequest) -> Response:
    """The catalogue; `?q=` and `?show=` narrow it, `?after=` goes on in the connections."""
    q, after = request.query("q")[:100], request.query("after")
    asked_show = request.query("show")
    shown = asked_show if asked_show in SHOWS else ""
    hub = request.hub
    flows, counts, connections, ailing = await asyncio.gather(
        _flows(request),
        hub.connections.counts(),
        hub.connections.list(limit=_PAGE, after=after),
        hub.connections.list(status="needs_attention", limit=_PAGE),
    )
    all_cards = sorted((_card(app, flows, counts.get(app.key, {})) for app in apps(hub.catalog)), key=_order)
    cards = [card for card in all_cards if _matches(hub.catalog.apps[card.app.key], q)]
    page = AppsPage(
        cards=tuple(card for card in cards if _is_shown(card, shown)),
        broken=broken_apps(hub.catalog, q),
        lines=await lines(request, connections.items),
        ailing=await lines(request, ailing.items),
        q=q,
        show=SHOWS[shown],
        counts=_counts(cards),
        connectable=tuple(card.app for card in all_cards if hub.catalog.apps[card.app.key].credentials is not None),
        older=f"/apps?after={connections.next}" if connections.next else "",
        newer="/apps" if after else "",
        dialog=request.query("dialog"),
        may_edit=may_edit(request.person),
    )
    return await request.page("apps/index.html", page, section="Apps", crumbs=[("Integrations", ""), ("Apps", "")])


async def show(request: PageRequest) -> Response:
    """One app; `?tab=actions` shows what its steps do, `?dialog=add` the form of a new connection."""
    return await app_page(request, request.path("app"), Form(), dialog=request.query("dialog"))


async def operation(request: PageRequest) -> Response:
    """A trigger or an action; the list of them takes the parts out of it that are unfolded."""
    kind = request.path("kind")
    operations = operations_of(request.web_app, request.path("app"))
    key = request.path("operation")
    chosen = next((candidate for candidate in operations.by_kind.get(kind, ()) if candidate.key == key), None)
    if chosen is None:
        raise NotFound(f"{operations.detail.app.title} has no {KINDS.get(kind, 'page')} {key!r}.")
    page = OperationPage(app=operations.detail.app, kind=kind, operation=chosen)
    address = f"/apps/{page.app.key}" + ("?tab=actions" if kind == "actions" else "")
    crumbs = [("Integrations", ""), ("Apps", "/apps"), (page.app.title, address), (chosen.title, "")]
    return await request.page("apps/operation.html", page, section="Apps", crumbs=crumbs)


async def readme_page(request: PageRequest) -> Response:
    """The README of an app; raises NotFound for an app that cannot be used."""
    detail = operations_of(request.web_app, request.path("app")).detail
    if detail.app.error:
        raise NotFound(f"The app {detail.app.key!r} cannot be used: {detail.app.error}")
    page = ReadmePage(app=detail.app, readme=_readme(request.hub.catalog.apps[detail.app.key].folder))
    app = (page.app.title, f"/apps/{page.app.key}")
    crumbs = [("Integrations", ""), ("Apps", "/apps"), app, ("How it works", "")]
    return await request.page("apps/readme.html", page, section="Apps", crumbs=crumbs)


async def app_page(request: PageRequest, key: str, form: Form, *, dialog: str, status: int = 200) -> Response:
    """The page of an app with a form in its dialog; raises NotFound."""
    operations = operations_of(request.web_app, key)
    detail = operations.detail
    app = request.hub.catalog.apps.get(key)
    connections, flows = await asyncio.gather(
        request.hub.connections.list(app=key, limit=_PAGE, after=request.query("after")), _flows(request)
    )
    tab = "actions" if request.query("tab") == "actions" or not detail.triggers else "triggers"
    page = AppPage(
        detail=detail,
        tab=tab,
        triggers=len(detail.triggers),
        actions=len(detail.actions),
        operations=drawn(request.web_app, key, tab),
        lines=await lines(request, connections.items),
        older=f"/apps/{key}?after={connections.next}" if connections.next else "",
        fields=operations.credentials,
        has_readme=app is not None and bool(_readme(app.folder)),
        limit=limit_of(app) if app is not None else "",
        flows=flows.get(key, 0),
        form=form,
        dialog=dialog,
        may_edit=may_edit(request.person),
    )
    crumbs = [("Integrations", ""), ("Apps", "/apps"), (detail.app.title, "")]
    return await request.page("apps/show.html", page, section="Apps", crumbs=crumbs, status=status)


async def lines(request: PageRequest, connections: tuple[ConnectionView, ...]) -> tuple[Line, ...]:
    """Connections with how they fare and what waits for them."""
    health, causes = await asyncio.gather(request.hub.health.last_day(), request.hub.runs.causes())
    waiting: dict[str, int] = {}
    for cause in causes:
        if cause.state == "paused" and cause.connection_id:
            waiting[cause.connection_id] = waiting.get(cause.connection_id, 0) + cause.count
    return tuple(
        Line(
            connection=connection,
            place=_place(request.hub.catalog.apps.get(connection.app), connection),
            health=health[connection.id],
            waiting=waiting.get(connection.id, 0),
        )
        for connection in connections
    )


def may_edit(person: PersonView) -> bool:
    """Whether a person may change connections."""
    return may(person.role, "connections:write")


def limit_of(app: App) -> str:
    """The vendor's request limit in words."""
    if app.limit is None:
        return "none known"
    seconds = app.limit.per_seconds
    units = {1: "second", 60: "minute", 3600: "hour"}
    return f"{app.limit.requests:,} requests per {units.get(int(seconds), f'{seconds:g} seconds')}"


async def _flows(request: PageRequest) -> dict[str, int]:
    """How many flows each app takes part in."""
    counts: dict[str, int] = {}
    for flow in await request.hub.flows.list(limit=_FLOWS):
        for key in set(flow.apps):
            counts[key] = counts.get(key, 0) + 1
    return counts


def _card(app: AppView, flows: Mapping[str, int], counts: Mapping[str, int]) -> Card:
    ailing = counts.get("needs_attention", 0)
    return Card(app=app, flows=flows.get(app.key, 0), connected=sum(counts.values()) - ailing, ailing=ailing)


def _order(card: Card) -> tuple[bool, bool, int]:
    """What is connected first, what is built in last, in between by category; by title within these."""
    categories = [category.value for category in Category]
    is_connected = card.connected + card.ailing > 0
    return (not is_connected, not card.app.needs_connection, categories.index(card.app.category))


def _is_shown(card: Card, show: str) -> bool:
    return not show or (card.ailing > 0 if show == "attention" else card.connected + card.ailing > 0)


def _counts(cards: Sequence[Card]) -> dict[str, int]:
    """How many cards each choice of SHOWS leaves."""
    return {choice: sum(_is_shown(card, choice) for card in cards) for choice in SHOWS}


def _matches(app: App, q: str) -> bool:
    titles = [trigger.title for trigger in app.triggers.values()] + [action.title for action in app.actions.values()]
    text = " ".join([app.title, app.key, app.description, app.category.value, *titles]).lower()
    return all(word in text for word in q.lower().split())


def _place(app: App | None, connection: ConnectionView) -> str:
    """What tells one connection of an app from another: the named choice, else the first plain field."""
    for field in fields_of(app.credentials.model_json_schema()) if app and app.credentials else ():
        value = str(connection.fields.get(field.name) or "")
        if field.choices:
            return dict(field.choices).get(value, value)
        if value and not field.is_secret:
            return value
    return ""


@cache
def _readme(folder: Path) -> Markup:
    file = folder / "README.md"
    return readme.html(file.read_text()) if file.exists() else Markup("")
