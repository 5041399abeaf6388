"""Connections: added in an app's dialog, and a page each with status, credentials, limit, uses and what may be done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.numbers import whole
from affluent.services.connections.owners import Owner
from affluent.services.connections.views import ConnectionView, Use
from affluent.services.errors import Invalid, NotFound, ServiceError
from affluent.services.identity.people import Role
from affluent.services.identity.roles import may
from affluent.web.app import WebApp
from affluent.web.apps.apps import Line, app_page, limit_of, lines, may_edit
from affluent.web.apps.schema_fields import SchemaField, fields_of, typed
from affluent.web.flows.background_job_lines import Standing, standings
from affluent.web.forms import Form
from affluent.web.request import PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedBy:
    """A flow connection that uses a connection."""

    use: Use
    webhook_url: str
    """Where the vendor sends its webhooks, when this connection is its trigger's."""
    standing: Standing
    """What workers do for it on this connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPage:
    """One connection."""

    line: Line
    fields: tuple[SchemaField, ...]
    key_help: str
    own_limit: str
    """The app's, in words."""
    uses: tuple[UsedBy, ...]
    form: Form
    """What was typed into the one form that was refused."""
    part: str
    """Which form that is: name, keys or limit."""
    dialog: str
    may_edit: bool
    owner: Owner
    may_take_over: bool

    @property
    def connection(self) -> ConnectionView:
        """What it is about."""
        return self.line.connection

    def form_of(self, part: str) -> Form:
        """The form of a part of the page: what was typed, or nothing."""
        return self.form if part == self.part else Form()


def routes(site: WebApp) -> list[Route]:
    """Who may do what is in web/rights.py, by these addresses."""
    return [
        site.post("/apps/{app}/connections", add),
        site.get("/connections/{connection}", show),
        site.post("/connections/{connection}/test", test),
        site.post("/connections/{connection}/name", rename),
        site.post("/connections/{connection}/keys", rotate),
        site.post("/connections/{connection}/limit", limit),
        site.post("/connections/{connection}/enable", enable),
        site.post("/connections/{connection}/disable", disable),
        site.post("/connections/{connection}/take-over", take_over, role=Role.ADMINISTRATOR),
        site.post("/connections/{connection}/delete", delete),
    ]


async def add(visit: PageRequest) -> Response:
    """Test and save a new connection. What the vendor refuses is said at the field to blame; what was typed stays."""
    key, form = visit.path("app"), await visit.form()
    app = visit.hub.catalog.apps.get(key)
    if app is None:
        raise NotFound(f"There is no app {key!r}.")
    try:
        made = await visit.hub.connections.create(app=key, name=form.text("name"), fields=dict(typed(form)))
    except ServiceError as error:
        form.blame(error, *_known(visit, key))
        return await app_page(visit, key, form, dialog="add", status=422)
    return visit.go(f"/connections/{made.id}?new=1", say=f"{app.title} accepted the key. {made.name} is connected.")


async def show(visit: PageRequest) -> Response:
    """The page."""
    return await _page(visit, Form())


async def test(visit: PageRequest) -> Response:
    """Ask the vendor now, and say what it answered."""
    said = await visit.hub.connections.test(visit.path("connection"))
    released = " Runs that waited for it go on." if said.ok else ""
    return visit.go(f"/connections/{said.connection.id}", say=said.message + released)


async def rename(visit: PageRequest) -> Response:
    """Another name."""
    form = await visit.form()
    return await _try(
        visit, form, "name", lambda one: visit.hub.connections.update(one, name=form.text("name")), say="Renamed."
    )


async def rotate(visit: PageRequest) -> Response:
    """Other credentials, tested first; an empty secret keeps the one that is stored."""
    form = await visit.form()
    fields = dict(typed(form))
    say = "The new credentials work and are stored. Runs that waited for them go on."
    return await _try(visit, form, "keys", lambda one: visit.hub.connections.update(one, fields=fields), say=say)


async def limit(visit: PageRequest) -> Response:
    """An own request limit; empty gives the app's back."""
    form = await visit.form()

    async def set_limit(connection_id: str) -> ConnectionView:
        requests = _whole(form, "limit_requests")
        seconds = _whole(form, "limit_seconds")
        return await visit.hub.connections.set_limit(connection_id, requests=requests, seconds=seconds)

    return await _try(visit, form, "limit", set_limit, say="The limit holds from the next request on.")


async def enable(visit: PageRequest) -> Response:
    """Use it again."""
    view = await visit.hub.connections.enable(visit.path("connection"))
    return visit.go(f"/connections/{view.id}", say=f"{view.name} is in use again. Runs that waited for it go on.")


async def disable(visit: PageRequest) -> Response:
    """Send nothing on it any more."""
    view = await visit.hub.connections.disable(visit.path("connection"))
    return visit.go(f"/connections/{view.id}", say=f"Nothing is sent on {view.name} any more; its runs wait.")


async def take_over(visit: PageRequest) -> Response:
    """Make it the administrator's own."""
    view = await visit.hub.connections.take_over(visit.path("connection"))
    return visit.go(f"/connections/{view.id}", say=f"{view.name} is yours now. Flows can be switched on with it.")


async def delete(visit: PageRequest) -> Response:
    """Remove it, when nothing uses it and its name was typed."""
    connection, form = await visit.hub.connections.get(visit.path("connection")), await visit.form()
    try:
        if not connection.used_by and form.text("confirm").strip() != connection.name:
            raise Invalid(f"Type {connection.name} to delete it.", field="confirm")
        await visit.hub.connections.delete(connection.id)
    except ServiceError as error:
        form.blame(error, "confirm")
        return await _page(visit, form, part="delete", dialog="delete", status=422)
    return visit.go(f"/apps/{connection.app}", say=f"{connection.name} is deleted.")


async def _try(
    visit: PageRequest, form: Form, part: str, act: Callable[[str], Awaitable[ConnectionView]], *, say: str
) -> Response:
    """Do it and show the page; refused, the page shows that part's form again."""
    before = await visit.hub.connections.get(visit.path("connection"))
    try:
        await act(before.id)
    except ServiceError as error:
        form.blame(error, *_known(visit, before.app), "limit_requests", "limit_seconds")
        return await _page(visit, form, part=part, status=422)
    return visit.go(f"/connections/{before.id}", say=say)


async def _page(visit: PageRequest, form: Form, *, part: str = "", dialog: str = "", status: int = 200) -> Response:
    connection = await visit.hub.connections.get(visit.path("connection"))
    app = visit.hub.catalog.apps.get(connection.app)
    line, uses, owner = await asyncio.gather(
        lines(visit, (connection,)), _uses(visit, connection), visit.hub.connections.owner(connection.id)
    )
    page = ConnectionPage(
        line=line[0],
        fields=fields_of(app.credentials.model_json_schema() if app and app.credentials else None),
        key_help=app.key_help if app else "",
        own_limit=limit_of(app) if app else "",
        uses=uses,
        form=form,
        part=part,
        dialog=dialog or visit.query("dialog"),
        may_edit=may_edit(visit.person),
        owner=owner,
        may_take_over=visit.person.role is Role.ADMINISTRATOR and owner.id not in ("", visit.person.id),
    )
    of_app = (connection.app_title, f"/apps/{connection.app}")
    crumbs = [("Integrations", ""), ("Apps", "/apps"), of_app, (connection.name, "")]
    return await visit.page("connections/show.html", page, section="Apps", crumbs=crumbs, status=status)


async def _uses(visit: PageRequest, connection: ConnectionView) -> tuple[UsedBy, ...]:
    triggered = [use.flow_connection_id for use in connection.used_by if "trigger" in use.places]
    found = await standings(visit.hub, triggered)

    async def used(use: Use) -> UsedBy:
        if "trigger" not in use.places:
            return UsedBy(use=use, webhook_url="", standing=Standing())
        link = await visit.hub.flow_connections.get(use.flow_connection_id)
        if not may(visit.person.role, "flows:write"):
            link = link.without_address()
        return UsedBy(use=use, webhook_url=link.webhook_url, standing=found[link.id])

    return tuple(await asyncio.gather(*(used(use) for use in connection.used_by)))


def _known(visit: PageRequest, key: str) -> tuple[str, ...]:
    app = visit.hub.catalog.apps.get(key)
    names = app.credentials.model_fields if app and app.credentials else {}
    return ("name", *(f"fields.{name}" for name in names))


def _whole(form: Form, name: str) -> int | None:
    text = form.text(name).strip()
    if not text:
        return None
    number = whole(text)
    if number is None:
        raise Invalid("Must be a whole number.", field=name)
    return number
