"""The money journal as a download for accounting products."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from starlette.responses import Response
from starlette.routing import Route

from affluent.domain.money.exports import Format
from affluent.kit import clock
from affluent.services.errors import Invalid
from affluent.settings import account_names
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_PLACE = "/reconciliation/journal"
_CRUMBS: tuple[Crumb, ...] = (("Finance", ""), ("Reconciliation", "/reconciliation"), ("Journal", ""))
_FIELDS = ("format", "from", "to", "currency")
_TITLES = {
    Format.XERO: "Xero",
    Format.QUICKBOOKS: "QuickBooks Online",
    Format.ZOHO: "Zoho Books",
    Format.TALLY: "TallyPrime",
    Format.HLEDGER: "hledger (plain text)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """What is to be exported."""

    form: Form
    formats: tuple[tuple[str, str], ...] = tuple((form.value, title) for form, title in _TITLES.items())


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading reconciliation."""
    return [pages.get(_PLACE, show), pages.get(f"{_PLACE}/export", export)]


async def show(request: PageRequest) -> Response:
    """The choice of product and days."""
    return await _answer(request, _form(request))


async def export(request: PageRequest) -> Response:
    """The file; with 422 and the page again when something is wrong with the choice."""
    form = _form(request)
    try:
        product = _product(form.text("format"))
        first, last = _day(form, "from"), _day(form, "to")
        accounts = account_names((await request.hub.options.current()).journal_accounts)
        file = await request.hub.money_journal.export(
            product, first=first, last=last, currency=form.text("currency")[:3], accounts=accounts
        )
    except Invalid as error:
        form.blame(error, *_FIELDS)
        return await _answer(request, form, status=422)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return Response(file.text, media_type=file.media_type, headers=headers)


def _form(request: PageRequest) -> Form:
    return Form({name: [request.query(name)] for name in _FIELDS if request.query(name)})


def _product(text: str) -> Format:
    if text not in tuple(Format):
        raise Invalid("Choose a product.", field="format")
    return Format(text)


def _day(form: Form, name: str) -> date | None:
    text = form.text(name)
    day = clock.day(text) if text else None
    if text and day is None:
        raise Invalid("Choose a day.", field=name)
    return day


async def _answer(request: PageRequest, form: Form, status: int = 200) -> Response:
    page = JournalPage(form=form)
    return await request.page(
        "reconciliation/journal.html", page, section="Reconciliation", crumbs=_CRUMBS, status=status
    )
