"""The interface: pages rendered on the server."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from affluent.bootstrap import Hub
from affluent.services.errors import NotFound


def web(hub: Hub) -> ASGIApp:
    """The pages of this hub as one ASGI application."""

    async def home(request: Request) -> Response:
        person = await hub.people.of_session(request.cookies.get("affluent", ""))
        return PlainTextResponse(f"Signed in as {person.name}." if person else "Open the link printed at the start.")

    async def enter(request: Request) -> Response:
        try:
            token = await hub.people.enter(request.path_params["link"])
        except NotFound as error:
            return PlainTextResponse(error.message, error.status)
        response = PlainTextResponse("Signed in.")
        response.set_cookie("affluent", token, httponly=True, samesite="lax")
        return response

    return Starlette(routes=[Route("/", home), Route("/enter/{link}", enter)])
