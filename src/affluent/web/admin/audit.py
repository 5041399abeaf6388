"""Admin Center, Audit log: who did what, filtered, page by page, exported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from affluent.kit import clock
from affluent.kit.jsons import JSONValue, dumps
from affluent.services.identity.people import Role
from affluent.services.operations.audit import NOUNS, AuditFilter, EntryView
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_CRUMBS: tuple[Crumb, ...] = (("Admin Center", "/admin/tokens"), ("Audit log", ""))
_PAGE = 50
_FILTERS = ("q", "noun", "actor", "subject", "since", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """One page of the log and what it is filtered by."""

    entries: tuple[EntryView, ...]
    filters: dict[str, str]
    newer: str
    older: str
    export: str
    nouns: tuple[str, ...] = NOUNS

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return any(self.filters.values())

    def shown(self, value: JSONValue) -> str:
        """The value before or after a change as text of at most 200 characters."""
        text = "" if value is None else value if isinstance(value, str) else dumps(value)
        return text if len(text) <= 200 else text[:199] + "…"


def routes(pages: PageRoutes) -> list[Route]:
    """Only administrators may ask for these."""
    role = Role.ADMINISTRATOR
    return [
        pages.get("/admin/audit", index, role=role),
        pages.get("/admin/audit/export", export, role=role),
    ]


async def index(request: PageRequest) -> Response:
    """The list, newest first."""
    filters = {name: request.query(name)[:200] for name in _FILTERS}
    after = request.query("after")
    log_page = await request.hub.audit.find(_wanted(filters), limit=_PAGE, after=after)
    kept = {name: value for name, value in filters.items() if value}
    page = AuditPage(
        entries=log_page.items,
        filters=filters,
        older=f"/admin/audit?{urlencode({**kept, 'after': log_page.next})}" if log_page.next else "",
        newer=f"/admin/audit?{urlencode(kept)}" if after else "",
        export=f"/admin/audit/export?{urlencode(kept)}",
    )
    return await request.page("audit/index.html", page, section="Admin Center", crumbs=_CRUMBS)


async def export(request: PageRequest) -> Response:
    """All that match as a file: CSV, or JSON lines with `?form=json`."""
    filters = {name: request.query(name)[:200] for name in _FILTERS}
    as_json = request.query("form") == "json"
    lines: AsyncIterator[str] = request.hub.audit.export(_wanted(filters), as_json=as_json)
    name = f"audit-log-{clock.now():%Y-%m-%d}.{'jsonl' if as_json else 'csv'}"
    kind = "application/jsonl" if as_json else "text/csv; charset=utf-8"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type=kind, headers=headers)


def _wanted(filters: dict[str, str]) -> AuditFilter:
    until = _day(filters["until"])
    return AuditFilter(
        actor=filters["actor"],
        noun=filters["noun"],
        subject=filters["subject"],
        since=_day(filters["since"]),
        until=until + timedelta(days=1) if until else None,
        search=filters["q"],
    )


def _day(text: str) -> datetime | None:
    """Midnight UTC of a date; None when it is none."""
    day = clock.day(text)
    return datetime.combine(day, time(), UTC) if day else None
