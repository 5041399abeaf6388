"""Identities: every system's id of an account and how we know it, conflicts to settle, the map as CSV out and in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.directory.identity_map import COLUMNS, IdentityConflict, IdentityRow
from affluent.services.errors import ServiceError
from affluent.services.identity.roles import may
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

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


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading and changing identities."""
    return [
        pages.get("/identities", index),
        pages.get("/identities/export", export),
        pages.post("/identities/merge", merge),
        pages.post("/identities/import", take),
    ]


async def index(request: PageRequest) -> Response:
    """The map; `?q=` is any system's id."""
    return await _answer(request, Form(), dialog=request.query("dialog"))


async def export(request: PageRequest) -> Response:
    """The whole map as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="identities.csv"', "Cache-Control": "no-store"}
    return Response(await request.hub.identity_map.export(), media_type="text/csv; charset=utf-8", headers=headers)


async def merge(request: PageRequest) -> Response:
    """Settle a conflict: the id belongs to the account that was chosen."""
    form = await request.form()
    given = {name: form.text(name) for name in ("app", "kind", "external_id", "account_id")}
    await request.hub.identity_map.merge(**given, author=request.person.name)
    return request.go("/identities", say=f"{given['external_id']} is {given['account_id']} now, and nobody else.")


async def take(request: PageRequest) -> Response:
    """Import a CSV: all of its lines or none."""
    form = await request.form()
    try:
        count = await request.hub.identity_map.take(form.text("csv"), author=request.person.name)
    except ServiceError as error:
        form.blame(error, "csv")
        lines = [f"{name.capitalize()}: {text}" for name, text in getattr(error, "problems", ()) if name != "csv"]
        if lines:
            form.errors = {"csv": f"{error.message} {' '.join(lines[:5])}"}
        return await _answer(request, form, dialog="import", status=422)
    return request.go("/identities", say=f"{count:,} {'identity is' if count == 1 else 'identities are'} imported.")


async def _answer(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    hub, q = request.hub, request.query("q")[:300]
    known = {key: app.title for key, app in hub.catalog.apps.items()}
    app = request.query("app") if request.query("app") in known else ""
    after = tuple(request.query("after").split(_BETWEEN))
    rows, following = await hub.identity_map.page(q=q, app=app, limit=_PAGE, after=after)
    conflicts = await hub.identity_map.conflicts(limit=20)
    used = sorted({item.app for item in await hub.connections.list(limit=200)} & known.keys())
    kept = {name: value for name, value in (("q", q), ("app", app)) if value}
    may_write = may(request.person.role, "identities:write")
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
    return await request.page("identities/index.html", page, section="Customers", crumbs=_CRUMBS, status=status)
