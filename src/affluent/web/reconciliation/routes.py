"""Reconciliation: a period's books against each other, what differs and why, closed periods, repair, downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from dataclasses import replace
from datetime import date, datetime
from itertools import chain

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from affluent.domain.reconciliation.statement import Class, Leg
from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.kit.numbers import whole
from affluent.services.errors import Invalid, ServiceError
from affluent.services.identity.roles import may
from affluent.services.reconciliation import csv_export as reconciliation_csv
from affluent.services.reconciliation.case_files import Names
from affluent.services.reconciliation.views import StatementView
from affluent.web.app import WebApp
from affluent.web.formatting import times
from affluent.web.forms import Form
from affluent.web.reconciliation.page import (
    GROUPS,
    LEGS,
    Book,
    Filter,
    Month,
    StatementPage,
    badge_of,
    days_of,
    first_and_last,
    label,
    month_of,
    months,
)
from affluent.web.request import Crumb, PageRequest

_PAGE = 50
_LOOKED_AT = 40
_DIALOGS = ("begin", "repair")
_SECTION = "Reconciliation"
_CRUMBS: tuple[Crumb, ...] = (("Finance", ""), ("Reconciliation", ""))
_OWN = {"workspace": "Billing workspace", "journal": "Our own journal"}


def routes(site: WebApp) -> list[Route]:
    """Rights are judged by the address: reading and changing reconciliation."""
    site.templates.globals |= {"class_label": label, "class_badge": badge_of, "days_of": days_of, "leg_names": LEGS}
    return [
        site.get("/reconciliation", index),
        site.post("/reconciliation", begin),
        site.get("/reconciliation/statements", statements),
        site.get("/reconciliation/{statement}", show),
        site.live_view("/reconciliation/{statement}/events", events),
        site.get("/reconciliation/{statement}/export", export),
        site.post("/reconciliation/{statement}/lock", lock),
        site.post("/reconciliation/{statement}/unlock", unlock),
        site.post("/reconciliation/{statement}/repair", repair),
    ]


async def index(visit: PageRequest) -> Response:
    """The newest statement, the newest of `?month=2026-11`, or the newest that knows the invoice `?q=`."""
    return await _index(visit, Form(), dialog=visit.query("dialog"))


async def show(visit: PageRequest) -> Response:
    """One statement; class, currency and page stand in the address, `?open=` unfolds a line."""
    page = await _page(visit, await visit.hub.reconciliation.get(visit.path("statement")))
    return await _answer(visit, page)


async def events(visit: PageRequest) -> Response:
    """The stream of a statement while it is being made."""
    statement_id = visit.path("statement")

    async def probe() -> Hashable:
        found = await visit.hub.reconciliation.get(statement_id)
        return found.phase, found.sentence, tuple((item.records, item.phase) for item in found.snapshots)

    async def render() -> str:
        page = await _page(visit, await visit.hub.reconciliation.get(statement_id))
        return visit.partial("#statement", "reconciliation/statement.html", page=page)

    key = ("statement", statement_id, may(visit.person.role, "reconciliation:write"))
    return visit.stream(key, probe=probe, render=render)


async def statements(visit: PageRequest) -> Response:
    """Every statement, newest first."""
    after = visit.query("after")
    found = await visit.hub.reconciliation.find(limit=_PAGE, after=after)
    older = f"/reconciliation/statements?after={found[-1].id}" if len(found) == _PAGE else ""
    page = {"statements": found, "older": older, "newer": "/reconciliation/statements" if after else ""}
    crumbs = [("Finance", ""), ("Reconciliation", "/reconciliation"), ("All statements", "")]
    return await visit.page("reconciliation/statements.html", page, section=_SECTION, crumbs=crumbs)


async def begin(visit: PageRequest) -> Response:
    """Begin a statement; a worker reads the books."""
    form = await visit.form()
    try:
        first, last = _day(form, "from"), _day(form, "to")
        zone = form.text("zone").strip() or visit.zone
        made = await visit.hub.reconciliation.begin(first, last, zone=zone, author=visit.person.name)
    except ServiceError as error:
        form.blame(error, "from", "to", "zone")
        return await _index(visit, form, dialog="begin", status=422)
    return visit.go(f"/reconciliation/{made.id}")


async def lock(visit: PageRequest) -> Response:
    """Close the period."""
    done = await visit.hub.reconciliation.lock(visit.path("statement"), author=visit.person.name)
    return visit.go(
        f"/reconciliation/{done.id}", say=f"{days_of(done)} is closed. It is not changed until it is opened."
    )


async def unlock(visit: PageRequest) -> Response:
    """Open it again."""
    done = await visit.hub.reconciliation.unlock(visit.path("statement"))
    return visit.go(f"/reconciliation/{done.id}", say=f"{days_of(done)} is open again.")


async def repair(visit: PageRequest) -> Response:
    """Make the calls that the preview showed."""
    form = await visit.form()
    numbers = [number for line in form.many("line") if (number := whole(line)) is not None]
    done = await visit.hub.repair.apply(visit.path("statement"), numbers, author=visit.person.name)
    parts = [f"{len(done.run_ids)} begun"]
    parts += [f"{done.known} asked for before"] if done.known else []
    parts += [f"{done.by_hand} left to a person"] if done.by_hand else []
    said = f"{', '.join(parts)}. Reconcile again when the runs are done."
    return visit.go(f"/reconciliation/{done.statement_id}", say=said)


async def export(visit: PageRequest) -> Response:
    """Every line, matched ones too: CSV, or a JSON object per line with `?form=json`."""
    statement, hub = await visit.hub.reconciliation.get(visit.path("statement")), visit.hub
    as_json = visit.query("form") == "json"

    async def written() -> AsyncIterator[str]:
        if not as_json:
            yield reconciliation_csv.header()
        async for found in hub.reconciliation.everything(statement.id):
            yield "".join(f"{dumps(line)}\n" for line in found) if as_json else reconciliation_csv.rows(found)

    first, last = first_and_last(statement)
    name = f"reconciliation-{first}-{last}.{'jsonl' if as_json else 'csv'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    kind = "application/x-ndjson" if as_json else "text/csv; charset=utf-8"
    return StreamingResponse(written(), media_type=kind, headers=headers)


async def _index(visit: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    found = await visit.hub.reconciliation.find(limit=_LOOKED_AT)
    q, month = visit.query("q")[:200], visit.query("month")
    known = months(_today(visit))
    chosen = next((one for one in known if one.href.endswith(f"={month}")), None) if month else None
    if q:
        for statement in found:
            case_id = await visit.hub.case_files.find(statement.id, q)
            if case_id:
                return await _answer(visit, await _page(visit, statement, case_id=case_id, q=q))
    if chosen is not None:
        found = [one for one in found if month_of(one, known) == chosen.text]
    if found:
        page = replace(await _page(visit, found[0], form=form), nothing=q)
    else:
        page = _blank(visit, form, chosen or known[-1], is_chosen=chosen is not None, nothing=q)
    return await _answer(visit, replace(page, dialog=dialog if dialog in _DIALOGS else page.dialog), status)


def _blank(visit: PageRequest, form: Form, month: Month, *, is_chosen: bool, nothing: str) -> StatementPage:
    apps = [app.title for app in visit.hub.catalog.apps.values() if app.books is not None and app.key != "togai"]
    return StatementPage(
        months=months(_today(visit)),
        month=month.text,
        may_write=may(visit.person.role, "reconciliation:write"),
        form=form,
        zone=visit.zone,
        reads=(_OWN["workspace"], *apps) if not is_chosen else (),
        nothing=nothing,
    )


async def _answer(visit: PageRequest, page: StatementPage, status: int = 200) -> Response:
    return await visit.page("reconciliation/index.html", page, section=_SECTION, crumbs=_CRUMBS, status=status)


async def _page(
    visit: PageRequest, statement: StatementView, *, form: Form | None = None, case_id: str = "", q: str = ""
) -> StatementPage:
    chosen = _filter(visit, statement, case_id)
    known = months(_today(visit))
    page = StatementPage(
        months=known,
        month=month_of(statement, known),
        may_write=may(visit.person.role, "reconciliation:write"),
        form=form or Form(),
        zone=statement.zone,
        statement=statement,
        filter=chosen,
        books=await _books(visit, statement),
        tracker=_tracker(visit, statement),
        q=q,
    )
    if statement.phase != "done":
        return page
    page = await _with_lines(visit, page, case_id)
    dialog = visit.query("dialog") if page.may_write and visit.query("dialog") in _DIALOGS else ""
    if dialog == "repair" and not page.is_closed:
        line = visit.query("line")
        number = whole(line)
        numbers = [] if number is None else [number]
        page = replace(page, plan=await visit.hub.repair.preview(statement.id, numbers), repair_line=line)
    if visit.query("check"):
        page = replace(page, problems=tuple(await visit.hub.reconciliation.problems(statement.id)))
    return replace(page, dialog=dialog)


async def _with_lines(visit: PageRequest, page: StatementPage, case_id: str) -> StatementPage:
    hub, chosen, statement = visit.hub, page.filter, page.statement
    if statement is None:
        return page
    opened = case_id or chosen.opened.partition(":")[2]
    case = await hub.case_files.show(statement.id, opened) if opened else None
    if case_id and case is not None:
        lines, following = list(case.lines), ""
        chosen = replace(chosen, opened=f"{lines[0].leg}:{case_id}" if lines else "")
    else:
        lines, following = await hub.reconciliation.lines(
            statement.id, names=chosen.names, leg=chosen.leg, currency=chosen.currency, limit=_PAGE, after=chosen.after
        )
    names: dict[str, Names] = await hub.case_files.names(statement.id, lines)
    return replace(
        page,
        filter=chosen,
        lines=tuple(lines),
        names=names,
        case=case,
        newer=page.address() if chosen.after else "",
        older=page.address(after=following) if following else "",
    )


def _filter(visit: PageRequest, statement: StatementView, case_id: str) -> Filter:
    currencies = [one.currency for one in statement.figures]
    worst = next((one.currency for one in statement.figures if one.unexplained_count), "")
    largest = max(statement.figures, key=lambda one: one.paid_count).currency if statement.figures else ""
    asked, name, leg = visit.query("currency"), visit.query("class"), visit.query("leg")
    return Filter(
        name=name if name in chain(Class, GROUPS) and not case_id else "",
        leg=leg if leg in tuple(Leg) and not case_id else "",
        currency=asked if asked in currencies else worst or largest,
        after=visit.query("after")[:300],
        opened=visit.query("open")[:400],
    )


async def _books(visit: PageRequest, statement: StatementView) -> tuple[Book, ...]:
    apps = visit.hub.catalog.apps
    wanted = {item.connection_id for item in statement.snapshots if item.connection_id}
    names = {one.id: one.name for one in await visit.hub.connections.list(limit=200)} if wanted else {}
    return tuple(
        Book(
            title=_OWN.get(item.app) or (apps[item.app].title if item.app in apps else item.app),
            connection=names.get(item.connection_id, item.connection_id),
            records=item.records,
            is_complete=item.phase == "complete",
            sentence=item.sentence,
            digest=item.digest,
            taken_at=item.taken_at,
        )
        for item in statement.snapshots
    )


def _tracker(visit: PageRequest, statement: StatementView) -> str:
    apps = [visit.hub.catalog.apps.get(item.app) for item in statement.snapshots]
    titles = [app.title for app in apps if app is not None and app.books and app.books.shelf == "commissions"]
    return titles[0] if len(set(titles)) == 1 else "the trackers"


def _today(visit: PageRequest) -> date:
    return clock.now().astimezone(times.zone(visit.zone)).date()


def _day(form: Form, name: str) -> date:
    try:
        return datetime.strptime(form.text(name).strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise Invalid("Choose a day.", field=name) from error
