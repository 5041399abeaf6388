"""Reconciliation: a period's books against each other, what differs and why, closed periods, repair, downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
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
from affluent.web.routing import PageRoutes

_PAGE = 50
_LOOKED_AT = 40
_DIALOGS = ("begin", "repair")
_SECTION = "Reconciliation"
_CRUMBS: tuple[Crumb, ...] = (("Finance", ""), ("Reconciliation", ""))
_OWN = {"workspace": "Billing workspace", "journal": "Our own journal"}


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading and changing reconciliation."""
    pages.web_app.templates.globals |= {
        "class_label": label,
        "class_badge": badge_of,
        "days_of": days_of,
        "leg_names": LEGS,
    }
    return [
        pages.get("/reconciliation", index),
        pages.post("/reconciliation", begin),
        pages.get("/reconciliation/statements", statements),
        pages.get("/reconciliation/{statement}", show),
        pages.live_view("/reconciliation/{statement}/events", events),
        pages.get("/reconciliation/{statement}/export", export),
        pages.post("/reconciliation/{statement}/lock", lock),
        pages.post("/reconciliation/{statement}/unlock", unlock),
        pages.post("/reconciliation/{statement}/repair", repair),
    ]


async def index(request: PageRequest) -> Response:
    """The newest statement, the newest of `?month=2026-11`, or the newest that knows the invoice `?q=`."""
    return await _index(request, Form(), dialog=request.query("dialog"))


async def show(request: PageRequest) -> Response:
    """One statement; class, currency and page stand in the address, `?open=` unfolds a line."""
    page = await _page(request, await request.hub.reconciliation.get(request.path("statement")))
    return await _answer(request, page)


async def events(request: PageRequest) -> Response:
    """The stream of a statement while it is being made."""
    statement_id = request.path("statement")

    async def probe() -> Hashable:
        statement = await request.hub.reconciliation.get(statement_id)
        return statement.phase, statement.sentence, tuple((item.records, item.phase) for item in statement.snapshots)

    async def render() -> str:
        page = await _page(request, await request.hub.reconciliation.get(statement_id))
        return request.partial("#statement", "reconciliation/statement.html", page=page)

    key = ("statement", statement_id, may(request.person.role, "reconciliation:write"))
    return request.stream(key, probe=probe, render=render)


async def statements(request: PageRequest) -> Response:
    """Every statement, newest first."""
    after = request.query("after")
    listed = await request.hub.reconciliation.find(limit=_PAGE, after=after)
    older = f"/reconciliation/statements?after={listed[-1].id}" if len(listed) == _PAGE else ""
    page = {"statements": listed, "older": older, "newer": "/reconciliation/statements" if after else ""}
    crumbs = [("Finance", ""), ("Reconciliation", "/reconciliation"), ("All statements", "")]
    return await request.page("reconciliation/statements.html", page, section=_SECTION, crumbs=crumbs)


async def begin(request: PageRequest) -> Response:
    """Begin a statement; a worker reads the books."""
    form = await request.form()
    try:
        first, last = _day(form, "from"), _day(form, "to")
        zone = form.text("zone").strip() or request.zone
        made = await request.hub.reconciliation.begin(first, last, zone=zone, author=request.person.name)
    except ServiceError as error:
        form.blame(error, "from", "to", "zone")
        return await _index(request, form, dialog="begin", status=422)
    return request.go(f"/reconciliation/{made.id}")


async def lock(request: PageRequest) -> Response:
    """Close the period, so that its statement is not changed."""
    done = await request.hub.reconciliation.lock(request.path("statement"), author=request.person.name)
    return request.go(
        f"/reconciliation/{done.id}", say=f"{days_of(done)} is closed. It is not changed until it is opened."
    )


async def unlock(request: PageRequest) -> Response:
    """Open a closed period again."""
    done = await request.hub.reconciliation.unlock(request.path("statement"))
    return request.go(f"/reconciliation/{done.id}", say=f"{days_of(done)} is open again.")


async def repair(request: PageRequest) -> Response:
    """Make the calls that the preview showed."""
    form = await request.form()
    numbers = [number for line in form.many("line") if (number := whole(line)) is not None]
    done = await request.hub.repair.apply(request.path("statement"), numbers, author=request.person.name)
    parts = [f"{len(done.run_ids)} begun"]
    parts += [f"{done.known} asked for before"] if done.known else []
    parts += [f"{done.by_hand} left to a person"] if done.by_hand else []
    say = f"{', '.join(parts)}. Reconcile again when the runs are done."
    return request.go(f"/reconciliation/{done.statement_id}", say=say)


async def export(request: PageRequest) -> Response:
    """Every line, matched ones too: CSV, or a JSON object per line with `?form=json`."""
    statement, hub = await request.hub.reconciliation.get(request.path("statement")), request.hub
    as_json = request.query("form") == "json"

    async def written() -> AsyncIterator[str]:
        if not as_json:
            yield reconciliation_csv.header()
        async for lines in hub.reconciliation.everything(statement.id):
            yield "".join(f"{dumps(line)}\n" for line in lines) if as_json else reconciliation_csv.rows(lines)

    first, last = first_and_last(statement)
    name = f"reconciliation-{first}-{last}.{'jsonl' if as_json else 'csv'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    kind = "application/x-ndjson" if as_json else "text/csv; charset=utf-8"
    return StreamingResponse(written(), media_type=kind, headers=headers)


async def _index(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    statements = await request.hub.reconciliation.find(limit=_LOOKED_AT)
    q = request.query("q")[:200]
    page = await _page_of_invoice(request, statements, q)
    if page is not None:
        return await _answer(request, page)
    known = months(_today(request))
    chosen = _chosen(known, request.query("month"))
    if chosen is not None:
        statements = [statement for statement in statements if month_of(statement, known) == chosen.text]
    if statements:
        page = replace(await _page(request, statements[0], form=form), nothing=q)
    else:
        page = _blank(request, form, chosen or known[-1], is_chosen=chosen is not None, nothing=q)
    return await _answer(request, replace(page, dialog=dialog if dialog in _DIALOGS else page.dialog), status)


async def _page_of_invoice(request: PageRequest, statements: Sequence[StatementView], q: str) -> StatementPage | None:
    """The newest of the statements that knows an invoice, with the invoice unfolded; None when none does."""
    for statement in statements if q else ():
        case_id = await request.hub.case_files.find(statement.id, q)
        if case_id:
            return await _page(request, statement, case_id=case_id, q=q)
    return None


def _chosen(known: Sequence[Month], month: str) -> Month | None:
    """The month of an address, such as 2026-11; None when there is none or it is not among the known ones."""
    return next((item for item in known if month and item.href.endswith(f"={month}")), None)


def _blank(request: PageRequest, form: Form, month: Month, *, is_chosen: bool, nothing: str) -> StatementPage:
    apps = [app.title for app in request.hub.catalog.apps.values() if app.books is not None and app.key != "togai"]
    return StatementPage(
        months=months(_today(request)),
        month=month.text,
        may_write=may(request.person.role, "reconciliation:write"),
        form=form,
        zone=request.zone,
        reads=(_OWN["workspace"], *apps) if not is_chosen else (),
        nothing=nothing,
    )


async def _answer(request: PageRequest, page: StatementPage, status: int = 200) -> Response:
    return await request.page("reconciliation/index.html", page, section=_SECTION, crumbs=_CRUMBS, status=status)


async def _page(
    request: PageRequest, statement: StatementView, *, form: Form | None = None, case_id: str = "", q: str = ""
) -> StatementPage:
    chosen = _filter(request, statement, case_id)
    known = months(_today(request))
    page = StatementPage(
        months=known,
        month=month_of(statement, known),
        may_write=may(request.person.role, "reconciliation:write"),
        form=form or Form(),
        zone=statement.zone,
        statement=statement,
        filter=chosen,
        books=await _books(request, statement),
        tracker=_tracker(request, statement),
        q=q,
    )
    if statement.phase != "done":
        return page
    page = await _with_lines(request, page, case_id)
    dialog = request.query("dialog") if page.may_write and request.query("dialog") in _DIALOGS else ""
    if dialog == "repair" and not page.is_closed:
        line = request.query("line")
        number = whole(line)
        numbers = [] if number is None else [number]
        page = replace(page, plan=await request.hub.repair.preview(statement.id, numbers), repair_line=line)
    if request.query("check"):
        page = replace(page, problems=tuple(await request.hub.reconciliation.problems(statement.id)))
    return replace(page, dialog=dialog)


async def _with_lines(request: PageRequest, page: StatementPage, case_id: str) -> StatementPage:
    hub, chosen, statement = request.hub, page.filter, page.statement
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


def _filter(request: PageRequest, statement: StatementView, case_id: str) -> Filter:
    currencies = [figure.currency for figure in statement.figures]
    worst = next((figure.currency for figure in statement.figures if figure.unexplained_count), "")
    largest = max(statement.figures, key=lambda figure: figure.paid_count).currency if statement.figures else ""
    asked, name, leg = request.query("currency"), request.query("class"), request.query("leg")
    return Filter(
        name=name if name in chain(Class, GROUPS) and not case_id else "",
        leg=leg if leg in tuple(Leg) and not case_id else "",
        currency=asked if asked in currencies else worst or largest,
        after=request.query("after")[:300],
        opened=request.query("open")[:400],
    )


async def _books(request: PageRequest, statement: StatementView) -> tuple[Book, ...]:
    apps = request.hub.catalog.apps
    connection_ids = {item.connection_id for item in statement.snapshots if item.connection_id}
    names = (
        {connection.id: connection.name for connection in await request.hub.connections.list(limit=200)}
        if connection_ids
        else {}
    )
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


def _tracker(request: PageRequest, statement: StatementView) -> str:
    apps = [request.hub.catalog.apps.get(item.app) for item in statement.snapshots]
    titles = [app.title for app in apps if app is not None and app.books and app.books.shelf == "commissions"]
    return titles[0] if len(set(titles)) == 1 else "the trackers"


def _today(request: PageRequest) -> date:
    return clock.now().astimezone(times.zone(request.zone)).date()


def _day(form: Form, name: str) -> date:
    try:
        return datetime.strptime(form.text(name).strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise Invalid("Choose a day.", field=name) from error
