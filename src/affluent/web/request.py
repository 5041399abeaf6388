"""One request as a page sees it: who looks, what was asked and typed, and the ways to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from affluent.bootstrap import Hub
from affluent.kit.actor import current
from affluent.services.errors import Invalid
from affluent.services.identity.people import PersonView
from affluent.store.database import StoreUnavailable
from affluent.web.app import WebApp
from affluent.web.formatting.times import UTC_NAME, zone, zone_name
from affluent.web.forms import Form
from affluent.web.session import token_of

Crumb = tuple[str, str]
"""A breadcrumb: its text and its address; the last one's is empty."""
THEMES = ("light", "dark")
_PARTIAL = Markup('<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>')
_TO_SIGN_IN = '<hx-partial hx-target="#live" hx-swap="outerHTML"><div hx-get="/" hx-trigger="load" hx-swap="none"></div></hx-partial>'
"""Ends the stream in the page and asks for a page, which leads who is signed out to the sign-in."""
_YEAR = 365 * 86_400
_SAID = "said"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request with its person. Handlers are `async def handler(request: PageRequest) -> Response`."""

    web_app: WebApp
    http: Request
    signed_in: PersonView | None

    @property
    def hub(self) -> Hub:
        """The services that handlers call."""
        return self.web_app.hub

    @property
    def person(self) -> PersonView:
        """The person who is signed in; raises RuntimeError on a public page that nobody is signed in for."""
        if self.signed_in is None:
            raise RuntimeError("a public page asked who looks")
        return self.signed_in

    @property
    def is_htmx(self) -> bool:
        """Whether the page's script asks, for a part of the page."""
        return self.http.headers.get("hx-request") == "true"

    @property
    def is_secure(self) -> bool:
        """Whether the browser came over https."""
        return self.http.url.scheme == "https"

    @property
    def theme(self) -> str:
        """Light or dark; empty when the browser follows the system."""
        chosen = self.http.cookies.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def zone(self) -> str:
        """The name of the person's time zone, as the browser sent it; UTC when it sent none that is known."""
        name = unquote(self.http.cookies.get("tz", ""))
        return name if zone(name) else UTC_NAME

    @property
    def said(self) -> str:
        """What the page before has to say, e.g. "Token deactivated."."""
        return unquote(self.http.cookies.get(_SAID, ""))[:500]

    def path(self, name: str) -> str:
        """A part of the address: `{token}` in the route."""
        return str(self.http.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address's query, without spaces around it."""
        return self.http.query_params.get(name, default).strip()

    async def form(self) -> Form:
        """What was typed and sent; raises Invalid for U+0000, which PostgreSQL keeps in no text."""
        sent = await self.http.form(max_files=0, max_fields=2000)
        values: dict[str, list[str]] = {}
        for name, value in sent.multi_items():
            if "\x00" in name or (isinstance(value, str) and "\x00" in value):
                raise Invalid("A field must not contain the character U+0000. Remove it and try again.")
            if not isinstance(value, UploadFile):
                values.setdefault(name, []).append(value.replace("\r\n", "\n"))
        return Form(values)

    async def page(
        self,
        template: str,
        page: object,
        *,
        section: str,
        crumbs: Sequence[Crumb] = (),
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A whole page: `page` is its view model, `section` the entry of the navigation, 422 the status of a wrong form."""
        context = {"page": page, "section": section, "crumbs": crumbs, "counts": await self.web_app.counts()}
        html = self.render(template, **context)
        response = HTMLResponse(html, status, headers=dict(headers or {}))
        if self.said and not self.is_htmx:
            response.delete_cookie(_SAID, samesite="lax", httponly=True, secure=self.is_secure)
        return response

    def render(self, template: str, **context: Any) -> str:  # noqa: ANN401 - a template's names
        """The text of a template, which knows this request as `request`, in the person's time zone."""
        token = zone_name.set(self.zone)
        try:
            return self.web_app.templates.get_template(template).render(request=self, **context)
        finally:
            zone_name.reset(token)

    def partial(self, target: str, template: str, *, swap: str = "outerMorph", **context: Any) -> str:  # noqa: ANN401 - a template's names
        """A part of the page by a CSS selector, e.g. "#steps"; join several for `parts` or for a stream's message."""
        return _PARTIAL.format(target=target, swap=swap, html=Markup(self.render(template, **context)))  # noqa: S704 - rendered with autoescape

    def parts(self, *partials: str, status: int = 200) -> Response:
        """An answer to the page's script that changes several parts of the page. Its form says hx-swap="none"."""
        return HTMLResponse("".join(partials), status)

    def toast(self, text: str) -> str:
        """A part for `parts` that says something in the corner."""
        return self.partial("#toasts", "parts/toast.html", swap="beforeend", text=text)

    def go(self, address: str, *, say: str = "") -> Response:
        """To another page after a form was done; `say` is shown there, in the corner."""
        response: Response = RedirectResponse(address, 303)
        if self.is_htmx:
            response = Response(headers={"HX-Redirect": response.headers["location"]})
        if say:
            self.keep(response, _SAID, quote(say), seconds=60)
        return response

    def keep(self, response: Response, name: str, value: str, *, seconds: int = _YEAR) -> None:
        """Leave a cookie that scripts cannot read."""
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.is_secure)

    def stream(
        self, key: Hashable, *, probe: Callable[[], Awaitable[Hashable]], render: Callable[[], Awaitable[str]]
    ) -> Response:
        """Live updates; see web/live.py. `render` gives `partial`s; everybody with this key and time zone shares them."""

        async def in_zone() -> str:
            zone_name.set(self.zone)
            return await render()

        return self.web_app.live.stream(
            (key, self.zone),
            probe=probe,
            render=in_zone,
            farewell=self._farewell,
            session=token_of(self.http),
            address=current().address,
        )

    async def _farewell(self) -> str | None:
        """None while the same person is signed in with the same role, else the last words of a stream.

        Whoever is signed out is led to the sign-in; with another role the browser asks again, and gets what it may see.
        """
        try:
            now = await self.hub.people.of_session(token_of(self.http), is_use=False)
        except StoreUnavailable:  # nothing new is read meanwhile either
            return None
        if now is None:
            return _TO_SIGN_IN
        return None if now.role is self.person.role else ""
