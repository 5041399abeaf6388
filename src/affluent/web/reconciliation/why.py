"""Why this amount: one page with the whole chain behind an id, and the same as a signed archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.jsons import JSONValue, dumps
from affluent.services.errors import NotFound
from affluent.services.provenance.why import Chain, Link
from affluent.services.reconciliation.views import amount_text
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_LONGEST = 300
_PLAIN = 12
"""Fields of a link that are shown as a list; what is longer, as JSON."""
_LOOKS = {
    "invoice": ("receipt", "info"), "net": ("equal", "info"), "event": ("zap", "violet"), "flow_version": ("workflow", ""),
    "expression": ("braces", ""), "request": ("send", ""), "answer": ("arrow-down-left", "ok"), "sale": ("hand-coins", "ok"),
    "commission": ("badge-percent", "ok"), "payment": ("credit-card", "ok"), "receipt": ("banknote", "ok"),
    "refund": ("undo-2", "warn"), "payment_refund": ("undo-2", "warn"), "comparison": ("scale", ""),
}  # fmt: skip
_AMOUNTS = ("net", "tax", "total", "paid")
_MINOR = ("gross", "tax", "discount", "basis")
_SPELLED = {"flow_version": "Flow version", "net": "Net amount", "payment_refund": "Given back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One link of the chain as it is shown."""

    link: Link
    icon: str
    kind: str
    what: str
    facts: tuple[tuple[str, str | datetime], ...]
    values: tuple[tuple[str, str, str], ...]
    """Field, expression and value, of an expression; what for and how much, of an invoice's line."""
    rest: JSONValue
    """What is shown as JSON; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPage:
    """The id that was asked for, and the chain behind it."""

    q: str
    chain: Chain | None = None
    links: tuple[Shown, ...] = ()
    unknown: str = ""
    evidence: str = ""
    fingerprint: str = ""


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading reconciliation."""
    return [
        pages.get("/why", index),
        pages.get("/why/{asked_for:path}", show),
        pages.get("/evidence/{asked_for:path}", evidence),
    ]


async def index(request: PageRequest) -> Response:
    """The question alone; `?q=` asks it."""
    q = request.query("q")[:_LONGEST]
    return request.go(f"/why/{quote(q, safe='')}") if q else await _answer(request, WhyPage(q=""))


async def show(request: PageRequest) -> Response:
    """The chain behind an id; with 404 and a message when the id is not known."""
    asked_for = request.path("asked_for").strip()[:_LONGEST]
    try:
        chain = await request.hub.why.ask(asked_for)
    except NotFound as error:
        return await _answer(request, WhyPage(q=asked_for, unknown=error.message), status=404)
    page = WhyPage(
        q=asked_for,
        chain=chain,
        links=tuple(shown(link) for link in chain.links),
        evidence=f"/evidence/{quote(asked_for, safe='')}",
        fingerprint=request.hub.evidence.fingerprint,
    )
    return await _answer(request, page)


async def evidence(request: PageRequest) -> Response:
    """The evidence of an id as a signed ZIP archive."""
    made = await request.hub.evidence.pack(request.path("asked_for").strip()[:_LONGEST])
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "X-Evidence-Fingerprint": made.fingerprint,
        "Cache-Control": "no-store",
    }
    return Response(made.content, media_type="application/zip", headers=headers)


def shown(link: Link) -> Shown:
    """A link with its short facts as words and the rest as JSON."""
    icon, kind = _LOOKS.get(link.what, ("info", ""))
    detail = link.detail if isinstance(link.detail, dict) else {}
    inputs = _inputs(link, detail)
    lines = _lines(detail) if link.what == "invoice" else ()
    facts = _facts(link, detail)
    shown_apart = {*facts, *(("inputs",) if inputs else ()), *(("lines",) if lines else ())}
    rest = {key: value for key, value in detail.items() if key not in shown_apart}
    return Shown(
        link=link,
        icon=icon,
        kind=kind,
        what=_SPELLED.get(link.what, link.what.capitalize()),
        facts=_in_words(facts, detail.get("currency")),
        values=lines or tuple(_value(key, value) for key, value in inputs.items()),
        rest=rest or None,
    )


def _inputs(link: Link, detail: dict[str, Any]) -> dict[str, Any]:
    """The fields of an expression with what each was built from; empty for every other link."""
    inputs = detail.get("inputs")
    return inputs if link.what == "expression" and isinstance(inputs, dict) else {}


def _facts(link: Link, detail: dict[str, Any]) -> dict[str, Any]:
    """The plain fields of a link; none when they are too many for a list, and of calls, which are shown as JSON."""
    plain = {key: value for key, value in detail.items() if not isinstance(value, (dict, list))}
    return plain if link.what not in ("request", "answer") and len(plain) <= _PLAIN else {}


def _in_words(facts: dict[str, Any], currency: JSONValue) -> tuple[tuple[str, str | datetime], ...]:
    return tuple(
        (_named(key, value), _written(key, value, currency))
        for key, value in facts.items()
        if value not in (None, "") and key != "currency"
    )


def _value(field: str, held: JSONValue) -> tuple[str, str, str]:
    if field == "_money":
        return "As money", "", _text(held)
    pair = held if isinstance(held, dict) else {}
    return field, _text(pair.get("expression")), _text(pair.get("value"))


def _lines(billed: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What was billed, line by line."""
    lines, currency = billed.get("lines"), billed.get("currency")
    return tuple(
        (
            _text(line.get("description")) or "Line",
            "",
            f"{amount_text(line.get('net'), currency)} net, {amount_text(line.get('tax'), currency)} tax",
        )
        for line in (lines if isinstance(lines, list) else [])
        if isinstance(line, dict)
    )


def _named(key: str, value: JSONValue) -> str:
    name = key.replace("_", " ").capitalize()
    return f"{name}, minor units" if key in _MINOR and isinstance(value, int) else name


def _written(key: str, value: Any, currency: JSONValue) -> str | datetime:  # noqa: ANN401 - JSON, or an instant
    if isinstance(value, datetime):
        return value
    if key in _AMOUNTS and currency:
        return amount_text(value, currency)
    return _text(value).replace("_", " ").capitalize() if key in ("reason", "status") else _text(value)


def _text(value: JSONValue) -> str:
    return "" if value is None else value if isinstance(value, str) else dumps(value)


async def _answer(request: PageRequest, page: WhyPage, status: int = 200) -> Response:
    crumbs: list[Crumb] = [("Finance", ""), ("Reconciliation", "/reconciliation"), ("Why this amount?", "")]
    return await request.page("why/index.html", page, section="Reconciliation", crumbs=crumbs, status=status)
