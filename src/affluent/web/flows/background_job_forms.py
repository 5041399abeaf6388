"""What people choose about polls and backfills of a flow connection."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.numbers import whole
from affluent.services.errors import Invalid, ServiceError
from affluent.services.identity.people import Role
from affluent.web.flows.flow import flow_page
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PLACE = "/flows/{flow}/connections/{link}"


def routes(pages: PageRoutes) -> list[Route]:
    """Only developers may ask for these."""
    role = Role.DEVELOPER
    return [
        pages.post(f"{_PLACE}/poll", poll, role=role),
        pages.post(f"{_PLACE}/backfill", backfill, role=role),
    ]


async def poll(request: PageRequest) -> Response:
    """Choose where a poll begins and how often it asks."""
    form, link_id = await request.form(), request.path("link")
    try:
        seconds = whole(form.text("every_seconds").strip())
        if seconds is None:
            raise Invalid("Must be a whole number of seconds.", field="every_seconds")
        await request.hub.polls.choose(link_id, start=form.text("start") or None, every_seconds=seconds)
    except ServiceError as error:
        form.blame(error, "start", "every_seconds")
        return await flow_page(request, form, tab="connections", dialog="poll", of=link_id, status=422)
    return request.go(_back(request), say="Saved. The next poll asks at once.")


async def backfill(request: PageRequest) -> Response:
    """Start one walk through everything that the vendor lists."""
    form, link_id = await request.form(), request.path("link")
    try:
        await request.hub.polls.backfill(link_id)
    except ServiceError as error:
        form.blame(error)
        return await flow_page(request, form, tab="connections", dialog="backfill", of=link_id, status=422)
    return request.go(_back(request), say="The backfill has begun. Its progress is shown here; live events go first.")


def _back(request: PageRequest) -> str:
    return f"/flows/{request.path('flow')}/connections"
