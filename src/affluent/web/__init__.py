"""The interface: pages rendered on the server, made lively by htmx.

How to add a page:

1. `web/<subject>/<noun>.py` with `def routes(pages: PageRoutes) -> list[Route]`,
   e.g. `return [pages.get("/apps", index), pages.post("/apps", add)]`;
   each module of a subject's package that has it is found. Handlers are
   `async def index(request: PageRequest) -> Response`; `role=Role.DEVELOPER` asks for a role.
2. Ask services through `request.hub`, put the answer into one frozen dataclass, the page's view model, and
   `return await request.page("apps/index.html", page, section="Apps", crumbs=[("Integrations", ""), ("Apps", "")])`.
3. `web/<subject>/templates/<noun>/….html` extends base.html of web/templates;
   badges, tiles, fields, tabs, tables, dialogs are macros of parts.html.
   No inline script, style or `on…=`: the Content-Security-Policy forbids it and a test finds it. Styles: css/<noun>.css.
4. Forms: `form = await request.form()`, try the use case, `except ServiceError as error: form.blame(error)`, show the page again
   with status=422; done: `request.go("/apps", say="Connected.")`. It must work without script; htmx attributes come on top.
5. Live: `<div id="live" hx-sse:connect="/apps/events" hx-swap="none">`, `pages.live_view("/apps/events", events)` and
   `request.stream(key, probe=…, render=…)` giving `request.partial`s.
6. An error is raised, not answered: services' errors, or anything else, become a page in words (web/error_pages.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from affluent.bootstrap import Hub
from affluent.web.app import WebApp
from affluent.web.assets import assets
from affluent.web.error_pages import error_page
from affluent.web.request import PageRequest
from affluent.web.routing import collected
from affluent.web.security import Security
from affluent.web.session import token_of


def web(hub: Hub) -> ASGIApp:
    """The interface of this hub as one ASGI application, for the root of the server."""
    web_app = WebApp(hub)
    static = Route("/static/{tree}/{name:path}", assets().serve, methods=["GET"])
    return Starlette(
        routes=[static, *collected(web_app)],
        exception_handlers={HTTPException: _refused(web_app)},
        middleware=[
            Middleware(Security, public_url=hub.server_url, max_body_bytes=hub.settings.max_body_bytes),
            Middleware(GZipMiddleware, minimum_size=500, compresslevel=5),
        ],
    )


def _refused(web_app: WebApp) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The handler of addresses that have no page, and of requests that were refused before one was asked."""

    async def answer(http: Request, error: Exception) -> Response:
        person = await web_app.hub.people.of_session(token_of(http))
        return await error_page(PageRequest(web_app, http, person), error)

    return answer
