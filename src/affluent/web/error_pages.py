"""Errors as pages in words: what happened, what to do; never a traceback. A page's script gets a toast instead."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from affluent.billing.errors import BillingError
from affluent.kit.ids import new_id
from affluent.kit.logs import logger
from affluent.services.errors import ServiceError
from affluent.store.database import StoreUnavailable
from affluent.web.request import PageRequest

_log = logger("web")
_TITLES = {
    401: "Sign in first",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This address cannot be used like that",
    409: "That is not possible now",
    413: "That was too much at once",
    422: "Something is missing",
    429: "Too many tries",
    503: "The database cannot be reached",
}
_TEXTS = {
    404: "The address is wrong, or what was here has been removed.",
    405: "Go back and try again from the page.",
    503: "Nothing was changed and nothing was lost. Events keep being accepted as soon as it is back; try again in a moment.",
}


async def error_page(request: PageRequest, error: Exception) -> Response:
    """The page that says what went wrong; for the page's script a toast. Its status is that of the error."""
    status, text, reference = _in_words(request, error)
    title = _TITLES.get(status, "That did not work on our side")
    if request.is_htmx:
        headers = {"HX-Reswap": "none"}
        return HTMLResponse(request.toast(f"{title}. {text}"), status, headers=headers)
    context = {"status": status, "title": title, "text": text, "reference": reference}
    if request.signed_in is None:
        return HTMLResponse(request.render("errors/outside.html", **context), status)
    counts = None if status in (500, 503) else await _counts(request)
    inside = {"section": "", "crumbs": (), "counts": counts}
    return HTMLResponse(request.render("errors/inside.html", **context, **inside), status)


async def _counts(request: PageRequest) -> object:
    try:
        return await request.web_app.counts()
    except StoreUnavailable:
        return None


def _in_words(request: PageRequest, error: Exception) -> tuple[int, str, str]:
    if isinstance(error, (ServiceError, BillingError)):
        return error.status, error.message, ""
    if isinstance(error, StoreUnavailable):
        return 503, _TEXTS[503], ""
    if isinstance(error, HTTPException):
        return error.status_code, _TEXTS.get(error.status_code, str(error.detail)), ""
    reference = new_id("err")
    path = request.http.url.path
    _log.error("a page failed by a defect", path=path, method=request.http.method, reference=reference, exc_info=error)
    return 500, "It is written to the log and nothing you typed was applied. Go back and try again.", reference
