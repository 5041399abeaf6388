"""Flow connections: switch a flow on and off, trigger it, rotate its webhook secret, remove it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.jsons import InvalidJSON, JSONObject, loads
from affluent.services.errors import Conflict, Invalid, ServiceError
from affluent.services.flows.flow_connection_views import FlowConnectionView
from affluent.services.identity.people import Role
from affluent.web.flows.flow import flow_page
from affluent.web.flows.switch_on import bindings_of, inputs_of, row_edit, switch_on
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PLACE = "/flows/{flow}/connections"
_PLAIN = {"Content-Encoding": "identity"}
"""A page with a secret is never compressed: the length of the answer would tell of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPage:
    """What is entered at the vendor; the secret is shown once."""

    link: FlowConnectionView
    secret: str
    is_new: bool


def routes(pages: PageRoutes) -> list[Route]:
    """Only developers may ask for these."""
    role = Role.DEVELOPER
    acts = {"edit": edit, "enable": enable, "disable": disable, "trigger": trigger, "rotate": rotate, "remove": remove}
    return [
        pages.post(_PLACE, create, role=role),
        *(pages.post(f"{_PLACE}/{{link}}/{name}", act, role=role) for name, act in acts.items()),
    ]


async def create(request: PageRequest) -> Response:
    """Switch the flow on. A webhook's address and secret come with the answer to this form, and the secret never again."""
    form, hub, flow_id = await request.form(), request.hub, request.path("flow")
    if row_edit(form)[0]:
        return await flow_page(request, form, tab="connections", dialog="connect")
    try:
        definition = (await hub.flows.get(flow_id)).definition
        if definition is None:
            raise Conflict("This flow has only a draft. Publish it, then connect it.")
        made = await hub.flow_connections.create(
            flow_id=flow_id, name=form.text("name"), bindings=bindings_of(form), inputs=inputs_of(definition, form)
        )
    except ServiceError as error:
        return await _refused(request, form, error, dialog="connect")
    link = made.flow_connection
    if link.webhook_url:
        return await _secret(request, SecretPage(link=link, secret=made.hook_secret, is_new=True))
    if (await hub.polls.offers([link.id]))[link.id].poll is not None:
        address = f"/flows/{flow_id}/connections?dialog=poll&of={link.id}"
        return request.go(address, say=f"{link.name} is on. Choose where its polls begin.")
    return request.go(f"/flows/{flow_id}/connections", say=f"{link.name} is on. The next event starts its first run.")


async def edit(request: PageRequest) -> Response:
    """Give a flow connection another name, other connections, other inputs."""
    form, hub, link_id = await request.form(), request.hub, request.path("link")
    if row_edit(form)[0]:
        return await flow_page(request, form, tab="connections", dialog="edit", of=link_id)
    try:
        definition = (await hub.flows.get(request.path("flow"))).definition
        given = inputs_of(definition, form) if definition else {}
        link = await hub.flow_connections.update(
            link_id, name=form.text("name"), bindings=bindings_of(form), inputs=given
        )
    except ServiceError as error:
        return await _refused(request, form, error, dialog="edit", of=link_id)
    return _back(request, f"{link.name} is saved. Runs that start from now on use it.")


async def enable(request: PageRequest) -> Response:
    """Switch it on; refused in words when that would count money twice, or a connection is missing."""
    form = Form()
    try:
        link = await request.hub.flow_connections.enable(request.path("link"))
    except ServiceError as error:
        form.wrong("", error.message)
        return await flow_page(request, form, tab="connections", status=422)
    return _back(request, f"{link.name} is on.")


async def disable(request: PageRequest) -> Response:
    """Switch it off; runs that have begun go on to their end."""
    link = await request.hub.flow_connections.disable(request.path("link"))
    return _back(request, f"{link.name} is off. It starts no more runs; what runs already ends.")


async def trigger(request: PageRequest) -> Response:
    """Start a run with the payload that was typed, and show it."""
    form, link_id = await request.form(), request.path("link")
    try:
        accepted = await request.hub.flow_connections.trigger_now(link_id, _payload(form.text("payload")))
    except ServiceError as error:
        for name, message in error.problems if isinstance(error, Invalid) else [(error.field, error.message)]:
            at = name.removeprefix("payload").lstrip(".")
            form.wrong("payload", f"{at}: {message}" if at else message)
        return await flow_page(request, form, tab="connections", dialog="trigger", of=link_id, status=422)
    run = next(iter(accepted.run_ids), "")
    address = f"/activity/{run}" if run else f"/flows/{request.path('flow')}/activity"
    return request.go(address, say="Triggered." if run else "Accepted. Its runs appear here.")


async def rotate(request: PageRequest) -> Response:
    """A new webhook secret, shown once; the one before is still accepted."""
    made = await request.hub.flow_connections.rotate_secret(request.path("link"))
    return await _secret(request, SecretPage(link=made.flow_connection, secret=made.hook_secret, is_new=False))


async def remove(request: PageRequest) -> Response:
    """Remove the flow connection; its runs stay in Activity."""
    link = await request.hub.flow_connections.get(request.path("link"))
    await request.hub.flow_connections.remove(link.id)
    return _back(request, f"{link.name} is removed. Its runs stay in Activity.")


def _payload(text: str) -> JSONObject:
    try:
        value = loads(text.strip() or "{}")
    except InvalidJSON as error:
        raise Invalid(f"This is not JSON: {error}.", field="payload") from error
    if not isinstance(value, dict):
        raise Invalid("The payload must be a JSON object: { … }.", field="payload")
    return value


def _back(request: PageRequest, say: str) -> Response:
    return request.go(f"/flows/{request.path('flow')}/connections", say=say)


async def _refused(request: PageRequest, form: Form, error: ServiceError, *, dialog: str, of: str = "") -> Response:
    definition = (await request.hub.flows.get(request.path("flow"))).definition
    known = (await switch_on(request.hub, definition, form)).known if definition else ("name",)
    form.blame(error, *known)
    return await flow_page(request, form, tab="connections", dialog=dialog, of=of, status=422)


async def _secret(request: PageRequest, page: SecretPage) -> Response:
    link = page.link
    flow = (link.flow_name, f"/flows/{link.flow_id}")
    crumbs = [("Integrations", ""), ("Flows", "/flows"), flow, (link.name, "")]
    return await request.page("flows/secret.html", page, section="Flows", crumbs=crumbs, headers=_PLAIN)
