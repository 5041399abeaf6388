"""What people choose about polls and backfills of a flow connection."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.numbers import whole
from affluent.services.errors import Invalid, ServiceError
from affluent.services.identity.people import Role
from affluent.web.app import WebApp
from affluent.web.flows.flow import flow_page
from affluent.web.request import PageRequest

_PLACE = "/flows/{flow}/connections/{link}"


def routes(site: WebApp) -> list[Route]:
    """Both are a developer's."""
    role = Role.DEVELOPER
    return [
        site.post(f"{_PLACE}/poll", poll, role=role),
        site.post(f"{_PLACE}/backfill", backfill, role=role),
    ]


async def poll(visit: PageRequest) -> Response:
    """Where it begins and how often it asks."""
    form, link_id = await visit.form(), visit.path("link")
    try:
        seconds = whole(form.text("every_seconds").strip())
        if seconds is None:
            raise Invalid("Must be a whole number of seconds.", field="every_seconds")
        await visit.hub.polls.choose(link_id, start=form.text("start") or None, every_seconds=seconds)
    except ServiceError as error:
        form.blame(error, "start", "every_seconds")
        return await flow_page(visit, form, tab="connections", dialog="poll", of=link_id, status=422)
    return visit.go(_back(visit), say="Saved. The next poll asks at once.")


async def backfill(visit: PageRequest) -> Response:
    """Walk once through everything the vendor has."""
    form, link_id = await visit.form(), visit.path("link")
    try:
        await visit.hub.polls.backfill(link_id)
    except ServiceError as error:
        form.blame(error)
        return await flow_page(visit, form, tab="connections", dialog="backfill", of=link_id, status=422)
    return visit.go(_back(visit), say="The backfill has begun. Its progress is shown here; live events go first.")


def _back(visit: PageRequest) -> str:
    return f"/flows/{visit.path('flow')}/connections"
