"""What a browser remembers about how a person likes it: the theme."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from affluent.web.app import WebApp
from affluent.web.request import THEMES, PageRequest


def routes(site: WebApp) -> list[Route]:
    """The switch in the top bar."""
    return [site.post("/theme", choose_theme, public=True)]


async def choose_theme(visit: PageRequest) -> Response:
    """Keep the theme, and show the page again on which it was chosen."""
    chosen = (await visit.form()).text("to")
    came_from = urlsplit(visit.request.headers.get("referer", ""))
    is_ours = came_from.netloc == visit.request.headers.get("host") and came_from.path.startswith("/")
    back = came_from.path + (f"?{came_from.query}" if came_from.query else "") if is_ours else "/"
    response = RedirectResponse("/" + back.lstrip("/"), 303)
    if chosen in THEMES:
        visit.keep(response, "theme", chosen)
    return response
