"""Admin Center, Settings: what this server runs with, each with what it does and the variable that sets it. No secrets."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr
from starlette.responses import Response
from starlette.routing import Route

from affluent.services.people import Role
from affluent.settings import Settings
from affluent.web.site import Site
from affluent.web.visit import Crumb, Visit

_CRUMBS: tuple[Crumb, ...] = (("Admin Center", "/admin/tokens"), ("Settings", ""))
_HIDDEN = ("database_url", "master_key", "master_key_command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting."""

    variable: str
    value: str
    about: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """All settings in the order in which they are declared."""

    lines: tuple[Line, ...]


def routes(site: Site) -> list[Route]:
    """The administrator's."""
    return [site.get("/admin/settings", index, role=Role.ADMINISTRATOR)]


async def index(visit: Visit) -> Response:
    """The page."""
    page = SettingsPage(lines=tuple(_lines(visit.hub.settings)))
    return await visit.page("options/index.html", page, section="Admin Center", crumbs=_CRUMBS)


def _lines(settings: Settings) -> list[Line]:
    return [
        Line(
            variable=f"AFFLUENT_{name.upper()}",
            value=_shown(name, getattr(settings, name)),
            about=field.description or "",
            is_default=name not in settings.model_fields_set,
        )
        for name, field in Settings.model_fields.items()
    ]


def _shown(name: str, value: object) -> str:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if name in _HIDDEN or isinstance(value, SecretStr):
        return "set" if plain else "not set"
    return "" if plain is None else str(plain)
