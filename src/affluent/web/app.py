"""The site: templates, static files and live topics over a hub, and how routes are made."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from affluent.bootstrap import Hub
from affluent.kit.actor import Actor, act_as, current
from affluent.kit.jsons import JSONValue
from affluent.services.identity.people import Role, require
from affluent.services.identity.roles import require_right
from affluent.web import error_pages as faults
from affluent.web import navigation, rights
from affluent.web.assets import assets
from affluent.web.formatting import browsers, phrases, times
from affluent.web.formatting import json_text as jsonview
from affluent.web.formatting import money as moneys
from affluent.web.live import Live
from affluent.web.request import PageRequest
from affluent.web.session import token_of

Handler = Callable[[PageRequest], Awaitable[Response]]
HERE = Path(__file__).parent
TEMPLATES = (HERE / "templates", *sorted(HERE.glob("*/templates")))
"""Shared templates first, then each subject's own."""
_SUBJECTS = ("activity", "admin", "apps", "customers", "flows", "flows.editor", "home", "identity", "reconciliation")
_COUNTS_FRESH_SECONDS = 2.0
_ATTENTION = ("failed", "unknown", "paused")


@dataclass(slots=True)
class _Counts:
    attention: int = 0
    read_at: float = 0.0


class WebApp:
    """What every page shares."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.live = Live()
        self.templates = environment()
        self.templates.globals["app_of"] = self._app_of
        self._counts = _Counts()

    def get(self, path: str, handler: Handler, *, role: Role | None = None, public: bool = False) -> Route:
        """A page, or a part of one; for people who are signed in, unless it is public."""
        return Route(path, self._answering(handler, role, public), methods=["GET"])

    def live_view(self, path: str, handler: Handler) -> Route:
        """The stream of a page (`visit.stream`). An open page asks for it by itself, so it keeps no session alive."""
        return Route(path, self._answering(handler, is_use=False), methods=["GET"])

    def post(self, path: str, handler: Handler, *, role: Role | None = None, public: bool = False) -> Route:
        """What a form does. It works without script: answer with `visit.go`, or with the page again and status 422."""
        return Route(path, self._answering(handler, role, public), methods=["POST"])

    async def counts(self) -> _Counts:
        """What the navigation counts, at most two seconds old."""
        if monotonic() - self._counts.read_at > _COUNTS_FRESH_SECONDS:
            found = await self.hub.runs.counts()
            self._counts = _Counts(sum(found.get(state, 0) for state in _ATTENTION), monotonic())
        return self._counts

    def _answering(
        self, handler: Handler, role: Role | None = None, public: bool = False, *, is_use: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            visit = PageRequest(self, request, None)
            try:
                person = await self.hub.people.of_session(token_of(request), is_use=is_use)
                visit = PageRequest(self, request, person)
                if not public and person is None:
                    return _to_sign_in(visit)
                if role is not None:
                    require(visit.person, role)
                if person is not None:
                    act_as(Actor(kind="person", id=person.id, name=person.name, address=current().address))
                    if not public:
                        require_right(person.role, rights.needed(request.method, request.url.path))
                return await handler(visit)
            except ClientDisconnect:  # nobody waits for an answer
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a page in words
                return await faults.page(visit, error)

        return answer

    def _app_of(self, key: str) -> Any:  # noqa: ANN401 - an App, or None for one that is not installed
        return self.hub.catalog.apps.get(key)


def environment() -> Environment:
    """The templates with everything they may use."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    pretty: Callable[[JSONValue], str] = jsonview.pretty
    templates.globals |= {
        "asset": assets().url,
        "ago": times.ago,
        "browser_of": browsers.called,
        "clock_of": times.on_clock,
        "moment": times.moment,
        "lasted": times.lasted,
        "label_of": phrases.title,
        "money": moneys.shown,
        "money_of": moneys.read,
        "pretty": pretty,
        "nav": navigation.MAIN,
        "nav_admin": navigation.ADMIN,
        "plural": _plural,
    }
    return templates


def collected(site: WebApp) -> list[Route]:
    """The routes of every module of a subject's package that defines `routes(site)`."""
    found: list[Route] = []
    for subject in _SUBJECTS:
        package = importlib.import_module(f"affluent.web.{subject}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg):
            module = importlib.import_module(f"{package.__name__}.{name}")
            if callable(getattr(module, "routes", None)):  # a package has its module `routes` as an attribute too
                found.extend(module.routes(site))
    return found


def _to_sign_in(visit: PageRequest) -> Response:
    # A part of a page that is asked for by its script is not where somebody wants to go on: the page is.
    url = urlsplit(visit.request.headers.get("hx-current-url", "")) if visit.is_htmx else visit.request.url
    wanted = url.path + (f"?{url.query}" if url.query else "")
    asks_for_page = visit.request.method == "GET" or visit.is_htmx
    address = f"/sign-in?next={quote(wanted)}" if asks_for_page and wanted not in ("", "/") else "/sign-in"
    if visit.is_htmx:
        return Response(headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
