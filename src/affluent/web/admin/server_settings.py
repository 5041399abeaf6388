"""Admin Center, Settings: what this server runs with and why, and what of it can be changed here. No secrets."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import Invalid
from affluent.services.identity.people import Role
from affluent.services.operations.server_settings import CHANGEABLE, Option, variable
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_CRUMBS: tuple[Crumb, ...] = (("Admin Center", "/admin/tokens"), ("Settings", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting on the page."""

    option: Option
    form: Form
    """What was typed and refused, or nothing."""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return variable(self.option.name)

    @property
    def shown(self) -> str:
        """Its value; of a secret, whether there is one."""
        if self.option.is_secret:
            return "set" if self.option.is_set else "not set"
        return {"True": "yes", "False": "no"}.get(self.option.value, self.option.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """All settings in the order in which they are declared."""

    here: tuple[Line, ...]
    """Those that can be changed here, unless the environment sets them."""
    at_start: tuple[Line, ...]


def routes(pages: PageRoutes) -> list[Route]:
    """Only administrators may ask for these."""
    return [
        pages.get("/admin/settings", index, role=Role.ADMINISTRATOR),
        pages.post("/admin/settings/{setting}", change, role=Role.ADMINISTRATOR),
        pages.post("/admin/settings/{setting}/reset", reset, role=Role.ADMINISTRATOR),
    ]


async def index(request: PageRequest) -> Response:
    """The page without a form that was refused."""
    return await _page(request, "", Form())


async def change(request: PageRequest) -> Response:
    """Give a setting another value, which outlives a restart."""
    name, form = request.path("setting"), await request.form()
    try:
        done = await request.hub.options.change(name, form.text(name))
    except Invalid as error:
        form.blame(error, name)
        return await _page(request, name, form, status=422)
    return request.go("/admin/settings", say=f"{variable(done.name)} is changed. It holds everywhere within a minute.")


async def reset(request: PageRequest) -> Response:
    """Give a setting its default again."""
    done = await request.hub.options.reset(request.path("setting"))
    return request.go("/admin/settings", say=f"{variable(done.name)} has its default again.")


async def _page(request: PageRequest, name: str, form: Form, status: int = 200) -> Response:
    options = await request.hub.options.list()
    lines = [Line(option=option, form=form if option.name == name else Form()) for option in options]
    page = SettingsPage(
        here=tuple(line for line in lines if line.option.name in CHANGEABLE),
        at_start=tuple(line for line in lines if line.option.name not in CHANGEABLE),
    )
    return await request.page("options/index.html", page, section="Admin Center", crumbs=_CRUMBS, status=status)
