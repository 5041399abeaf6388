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
from affluent.web.apps.apps import Line, app_page, limit_of, lines, may_edit
from affluent.web.apps.schema_fields import SchemaField, fields_of, typed
from affluent.web.flows.background_jobs import Standing, standings
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes


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
    """One connection with its credentials, its limit and its uses."""

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
        """The connection that the page is about."""
        return self.line.connection

    def form_of(self, part: str) -> Form:
        """The form of a part of the page: what was typed, or nothing."""
        return self.form if part == self.part else Form()


def routes(pages: PageRoutes) -> list[Route]:
    """Who may do what is in web/rights.py, by these addresses."""
    return [
        pages.post("/apps/{app}/connections", add),
        pages.get("/connections/{connection}", show),
        pages.post("/connections/{connection}/test", test),
        pages.post("/connections/{connection}/name", rename),
        pages.post("/connections/{connection}/keys", rotate),
        pages.post("/connections/{connection}/limit", limit),
        pages.post("/connections/{connection}/enable", enable),
        pages.post("/connections/{connection}/disable", disable),
        pages.post("/connections/{connection}/take-over", take_over, role=Role.ADMINISTRATOR),
        pages.post("/connections/{connection}/delete", delete),
    ]


async def add(request: PageRequest) -> Response:
    """Test and save a new connection. What the vendor refuses is said at the field to blame; what was typed stays."""
    key, form = request.path("app"), await request.form()
    app = request.hub.catalog.apps.get(key)
    if app is None:
        raise NotFound(f"There is no app {key!r}.")
    try:
        made = await request.hub.connections.create(app=key, name=form.text("name"), fields=dict(typed(form)))
    except ServiceError as error:
        form.blame(error, *_known(request, key))
        return await app_page(request, key, form, dialog="add", status=422)
    return request.go(f"/connections/{made.id}?new=1", say=f"{app.title} accepted the key. {made.name} is connected.")


async def show(request: PageRequest) -> Response:
    """The page without a form that was refused."""
    return await _page(request, Form())


async def test(request: PageRequest) -> Response:
    """Ask the vendor now, and say what it answered."""
    outcome = await request.hub.connections.test(request.path("connection"))
    released = " Runs that waited for it go on." if outcome.ok else ""
    return request.go(f"/connections/{outcome.connection.id}", say=outcome.message + released)


async def rename(request: PageRequest) -> Response:
    """Give the connection another name."""
    form = await request.form()
    return await _try(
        request,
        form,
        "name",
        lambda connection_id: request.hub.connections.update(connection_id, name=form.text("name")),
        say="Renamed.",
    )


async def rotate(request: PageRequest) -> Response:
    """Other credentials, tested first; an empty secret keeps the one that is stored."""
    form = await request.form()
    fields = dict(typed(form))
    say = "The new credentials work and are stored. Runs that waited for them go on."
    return await _try(
        request,
        form,
        "keys",
        lambda connection_id: request.hub.connections.update(connection_id, fields=fields),
        say=say,
    )


async def limit(request: PageRequest) -> Response:
    """An own request limit; empty gives the app's back."""
    form = await request.form()

    async def set_limit(connection_id: str) -> ConnectionView:
        requests = _whole(form, "limit_requests")
        seconds = _whole(form, "limit_seconds")
        return await request.hub.connections.set_limit(connection_id, requests=requests, seconds=seconds)

    return await _try(request, form, "limit", set_limit, say="The limit holds from the next request on.")


async def enable(request: PageRequest) -> Response:
    """Send on the connection again."""
    view = await request.hub.connections.enable(request.path("connection"))
    return request.go(f"/connections/{view.id}", say=f"{view.name} is in use again. Runs that waited for it go on.")


async def disable(request: PageRequest) -> Response:
    """Send nothing on the connection any more."""
    view = await request.hub.connections.disable(request.path("connection"))
    return request.go(f"/connections/{view.id}", say=f"Nothing is sent on {view.name} any more; its runs wait.")


async def take_over(request: PageRequest) -> Response:
    """Make the administrator the owner of the connection."""
    view = await request.hub.connections.take_over(request.path("connection"))
    return request.go(f"/connections/{view.id}", say=f"{view.name} is yours now. Flows can be switched on with it.")


async def delete(request: PageRequest) -> Response:
    """Remove it, when nothing uses it and its name was typed."""
    connection, form = await request.hub.connections.get(request.path("connection")), await request.form()
    try:
        if not connection.used_by and form.text("confirm").strip() != connection.name:
            raise Invalid(f"Type {connection.name} to delete it.", field="confirm")
        await request.hub.connections.delete(connection.id)
    except ServiceError as error:
        form.blame(error, "confirm")
        return await _page(request, form, part="delete", dialog="delete", status=422)
    return request.go(f"/apps/{connection.app}", say=f"{connection.name} is deleted.")


async def _try(
    request: PageRequest, form: Form, part: str, act: Callable[[str], Awaitable[ConnectionView]], *, say: str
) -> Response:
    """Do it and show the page; refused, the page shows that part's form again."""
    before = await request.hub.connections.get(request.path("connection"))
    try:
        await act(before.id)
    except ServiceError as error:
        form.blame(error, *_known(request, before.app), "limit_requests", "limit_seconds")
        return await _page(request, form, part=part, status=422)
    return request.go(f"/connections/{before.id}", say=say)


async def _page(request: PageRequest, form: Form, *, part: str = "", dialog: str = "", status: int = 200) -> Response:
    connection = await request.hub.connections.get(request.path("connection"))
    app = request.hub.catalog.apps.get(connection.app)
    line, uses, owner = await asyncio.gather(
        lines(request, (connection,)), _uses(request, connection), request.hub.connections.owner(connection.id)
    )
    page = ConnectionPage(
        line=line[0],
        fields=fields_of(app.credentials.model_json_schema() if app and app.credentials else None),
        key_help=app.key_help if app else "",
        own_limit=limit_of(app) if app else "",
        uses=uses,
        form=form,
        part=part,
        dialog=dialog or request.query("dialog"),
        may_edit=may_edit(request.person),
        owner=owner,
        may_take_over=request.person.role is Role.ADMINISTRATOR and owner.id not in ("", request.person.id),
    )
    of_app = (connection.app_title, f"/apps/{connection.app}")
    crumbs = [("Integrations", ""), ("Apps", "/apps"), of_app, (connection.name, "")]
    return await request.page("connections/show.html", page, section="Apps", crumbs=crumbs, status=status)


async def _uses(request: PageRequest, connection: ConnectionView) -> tuple[UsedBy, ...]:
    triggered = [use.flow_connection_id for use in connection.used_by if "trigger" in use.places]
    standing_by_link = await standings(request.hub, triggered)

    async def used(use: Use) -> UsedBy:
        if "trigger" not in use.places:
            return UsedBy(use=use, webhook_url="", standing=Standing())
        link = await request.hub.flow_connections.get(use.flow_connection_id)
        if not may(request.person.role, "flows:write"):
            link = link.without_address()
        return UsedBy(use=use, webhook_url=link.webhook_url, standing=standing_by_link[link.id])

    return tuple(await asyncio.gather(*(used(use) for use in connection.used_by)))


def _known(request: PageRequest, key: str) -> tuple[str, ...]:
    app = request.hub.catalog.apps.get(key)
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
