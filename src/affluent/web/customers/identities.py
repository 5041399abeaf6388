"""Identities: every system's id of an account and how we know it, conflicts to settle, the map as CSV out and in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.directory.identity_map import COLUMNS, IdentityConflict, IdentityRow
from affluent.services.errors import ServiceError
from affluent.services.identity.roles import may
from affluent.web.app import WebApp
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest

_PAGE = 50
_BETWEEN = "\x1f"
_CRUMBS: tuple[Crumb, ...] = (("Customers", "/customers"), ("Identities", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitiesPage:
    """One page of the map, its conflicts, and the dialog that is open."""

    q: str
    app: str
    rows: tuple[IdentityRow, ...]
    conflicts: tuple[IdentityConflict, ...]
    apps: tuple[tuple[str, str], ...]
    titles: dict[str, str]
    newer: str
    older: str
    may_write: bool
    form: Form
    dialog: str
    columns: str = ",".join(COLUMNS)


def routes(site: WebApp) -> list[Route]:
    """Rights are judged by the address: reading and changing identities."""
    return [
        site.get("/identities", index),
        site.get("/identities/export", export),
        site.post("/identities/merge", merge),
        site.post("/identities/import", take),
    ]


async def index(visit: PageRequest) -> Response:
    """The map; `?q=` is any system's id."""
    return await _answer(visit, Form(), dialog=visit.query("dialog"))


async def export(visit: PageRequest) -> Response:
    """The whole map as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="identities.csv"', "Cache-Control": "no-store"}
    return Response(await visit.hub.identity_map.export(), media_type="text/csv; charset=utf-8", headers=headers)


async def merge(visit: PageRequest) -> Response:
    """Say whose id it is."""
    form = await visit.form()
    given = {name: form.text(name) for name in ("app", "kind", "external_id", "account_id")}
    await visit.hub.identity_map.merge(**given, author=visit.person.name)
    return visit.go("/identities", say=f"{given['external_id']} is {given['account_id']} now, and nobody else.")


async def take(visit: PageRequest) -> Response:
    """Take a CSV: all lines or none."""
    form = await visit.form()
    try:
        count = await visit.hub.identity_map.take(form.text("csv"), author=visit.person.name)
    except ServiceError as error:
        form.blame(error, "csv")
        lines = [f"{name.capitalize()}: {text}" for name, text in getattr(error, "problems", ()) if name != "csv"]
        if lines:
            form.errors = {"csv": f"{error.message} {' '.join(lines[:5])}"}
        return await _answer(visit, form, dialog="import", status=422)
    return visit.go("/identities", say=f"{count:,} {'identity is' if count == 1 else 'identities are'} imported.")


async def _answer(visit: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    hub, q = visit.hub, visit.query("q")[:300]
    known = {key: app.title for key, app in hub.catalog.apps.items()}
    app = visit.query("app") if visit.query("app") in known else ""
    after = tuple(visit.query("after").split(_BETWEEN))
    rows, following = await hub.identity_map.page(q=q, app=app, limit=_PAGE, after=after)
    conflicts = await hub.identity_map.conflicts(limit=20)
    used = sorted({item.app for item in await hub.connections.list(limit=200)} & known.keys())
    kept = {name: value for name, value in (("q", q), ("app", app)) if value}
    may_write = may(visit.person.role, "identities:write")
    page = IdentitiesPage(
        q=q,
        app=app,
        rows=tuple(rows),
        conflicts=tuple(conflicts),
        apps=(("", "All apps"), *((key, known[key]) for key in used)),
        titles=known,
        newer=f"/identities?{urlencode(kept)}" if len(after) > 1 else "",
        older=f"/identities?{urlencode({**kept, 'after': _BETWEEN.join(following)})}" if following else "",
        may_write=may_write,
        form=form,
        dialog=dialog if may_write and dialog == "import" else "",
    )
    return await visit.page("identities/index.html", page, section="Customers", crumbs=_CRUMBS, status=status)
