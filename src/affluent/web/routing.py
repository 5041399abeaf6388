"""How pages get their addresses: who may ask for a page, and what becomes of an error in it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from affluent.kit.actor import Actor, act_as, current
from affluent.services.identity.people import Role, require
from affluent.services.identity.roles import require_right
from affluent.web import rights
from affluent.web.app import WebApp
from affluent.web.error_pages import error_page
from affluent.web.request import PageRequest
from affluent.web.session import token_of

Handler = Callable[[PageRequest], Awaitable[Response]]
_SUBJECTS = ("activity", "admin", "apps", "customers", "flows.editor", "flows", "home", "identity", "reconciliation")
"""The first route that matches an address answers: /flows/new stands before /flows/{flow}."""


class PageRoutes:
    """Makes the routes of one web application from handlers of pages."""

    def __init__(self, web_app: WebApp) -> None:
        self.web_app = web_app

    def get(self, path: str, handler: Handler, *, role: Role | None = None, public: bool = False) -> Route:
        """A page, or a part of one; for people who are signed in, unless it is public."""
        return Route(path, self._answering(handler, role, public), methods=["GET"])

    def live_view(self, path: str, handler: Handler) -> Route:
        """The stream of a page (`request.stream`). An open page asks for it by itself, so it keeps no session alive."""
        return Route(path, self._answering(handler, is_use=False), methods=["GET"])

    def post(self, path: str, handler: Handler, *, role: Role | None = None, public: bool = False) -> Route:
        """What a form does. It works without script: answer with `request.go`, or with the page again and status 422."""
        return Route(path, self._answering(handler, role, public), methods=["POST"])

    def _answering(
        self, handler: Handler, role: Role | None = None, public: bool = False, *, is_use: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(http: Request) -> Response:
            request = PageRequest(self.web_app, http, None)
            try:
                person = await self.web_app.hub.people.of_session(token_of(http), is_use=is_use)
                request = PageRequest(self.web_app, http, person)
                if not public and person is None:
                    return _to_sign_in(request)
                if role is not None:
                    require(request.person, role)
                if person is not None:
                    act_as(Actor(kind="person", id=person.id, name=person.name, address=current().address))
                    if not public:
                        require_right(person.role, rights.needed(http.method, http.url.path))
                return await handler(request)
            except ClientDisconnect:  # nobody waits for an answer
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a page in words
                return await error_page(request, error)

        return answer


def collected(web_app: WebApp) -> list[Route]:
    """The routes of every module of a subject's package that defines `routes(pages)`."""
    pages = PageRoutes(web_app)
    routes: list[Route] = []
    for subject in _SUBJECTS:
        package = importlib.import_module(f"affluent.web.{subject}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            module = importlib.import_module(f"{package.__name__}.{name}")
            if callable(getattr(module, "routes", None)):  # a package has its module `routes` as an attribute too
                routes.extend(module.routes(pages))
    return routes


def _to_sign_in(request: PageRequest) -> Response:
    # The script of a page may ask for a part of it. After the sign-in the person goes on to the page, not to that part.
    url = urlsplit(request.http.headers.get("hx-current-url", "")) if request.is_htmx else request.http.url
    came_for = url.path + (f"?{url.query}" if url.query else "")
    asks_for_page = request.http.method == "GET" or request.is_htmx
    address = f"/sign-in?next={quote(came_for)}" if asks_for_page and came_for not in ("", "/") else "/sign-in"
    if request.is_htmx:
        return Response(headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)
