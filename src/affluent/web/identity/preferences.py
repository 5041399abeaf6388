"""What a browser remembers about how a person likes it: the theme."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from affluent.web.request import THEMES, PageRequest
from affluent.web.routing import PageRoutes


def routes(pages: PageRoutes) -> list[Route]:
    """The switch of the theme in the top bar."""
    return [pages.post("/theme", choose_theme, public=True)]


async def choose_theme(request: PageRequest) -> Response:
    """Keep the theme, and show the page again on which it was chosen."""
    chosen = (await request.form()).text("to")
    came_from = urlsplit(request.http.headers.get("referer", ""))
    is_ours = came_from.netloc == request.http.headers.get("host") and came_from.path.startswith("/")
    back = came_from.path + (f"?{came_from.query}" if came_from.query else "") if is_ours else "/"
    response = RedirectResponse("/" + back.lstrip("/"), 303)
    if chosen in THEMES:
        request.keep(response, "theme", chosen)
    return response
