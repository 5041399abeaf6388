"""The ledger held against the tables, on request: whether anything was altered, and where everything accepted went."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.identity.roles import may
from affluent.services.provenance.ledger_verification import Balance, Verification
from affluent.services.reconciliation.views import money_text
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PLACE = "/reconciliation/ledger"
_PARTS = ("accepted", "applied", "explained", "waiting", "parked")
_CRUMBS = [("Finance", ""), ("Reconciliation", "/reconciliation"), ("Ledger", "")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """The page of the ledger, with the outcome of a verification when one was asked for."""

    verification: Verification | None
    lasted: int
    """Milliseconds."""
    rows: tuple[tuple[str, tuple[str, ...], bool], ...]
    """What is counted, accepted and where it went, whether it adds up."""
    form: Form
    may_write: bool


def routes(pages: PageRoutes) -> list[Route]:
    """Verifying reads everything, so it needs the right to reconcile."""
    return [pages.get(_PLACE, show), pages.post(_PLACE, verify)]


async def show(request: PageRequest) -> Response:
    """The page before anything is verified."""
    return await _page(request, Form(), None)


async def verify(request: PageRequest) -> Response:
    """Recompute every chain and compare every row."""
    form = await request.form()
    heads: dict[str, str] = {}
    for line in form.text("heads").split():
        chain, equals, last = line.partition("=")
        if not equals:
            form.wrong("heads", f"{line[:40]} is not chain=hash, as an earlier verification shows it.")
            return await _page(request, form, None, status=422)
        heads[chain] = last
    begun = perf_counter_ns()
    verification = await request.hub.ledgers.verify(heads)
    return await _page(request, form, verification, lasted=(perf_counter_ns() - begun) // 1_000_000)


async def _page(
    request: PageRequest, form: Form, verification: Verification | None, *, lasted: int = 0, status: int = 200
) -> Response:
    page = LedgerPage(
        verification=verification,
        lasted=lasted,
        rows=_rows(verification) if verification else (),
        form=form,
        may_write=may(request.person.role, "reconciliation:write"),
    )
    return await request.page(
        "reconciliation/ledger.html", page, section="Reconciliation", crumbs=_CRUMBS, status=status
    )


def _rows(verification: Verification) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    runs = ("Runs", tuple(f"{number:,}" for number in _numbers(verification.runs)), verification.runs.holds)
    money = (
        (currency, tuple(money_text(minor, currency) for minor in _numbers(balance)), balance.holds)
        for currency, balance in sorted(verification.money.items())
    )
    return (runs, *money)


def _numbers(balance: Balance) -> tuple[int, ...]:
    return tuple(getattr(balance, name) for name in _PARTS)
