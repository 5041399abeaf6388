"""The payout check: before promoters are paid, what to pay each of them, what not and why; afterwards, what was paid wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from affluent.domain.money.payout import CheckedCommission, Reason
from affluent.kit import clock
from affluent.services.errors import Conflict, Invalid
from affluent.services.money.payouts import PayoutCheckView, TrackerView, as_csv, payout_text
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_PLACE = "/reconciliation/payouts"
_CRUMBS: tuple[Crumb, ...] = (("Finance", ""), ("Reconciliation", "/reconciliation"), ("Payouts", ""))
_SHOWN = 200
"""More commissions than this are in the CSV file only."""
_LABELS = {
    Reason.REFUNDED: "Refunded",
    Reason.DISPUTE_LOST: "Dispute lost",
    Reason.VOID: "Invoice void",
    Reason.DISPUTED: "Disputed",
    Reason.REFUND_PENDING: "Refund on its way",
    Reason.UNPAID: "Unpaid",
    Reason.NO_SALE: "Sale unknown",
    Reason.DOUBLED: "Double",
    Reason.CHANGED: "Changed by hand",
    Reason.OTHER_RATE: "Other rate",
    Reason.OTHER_CURRENCY: "Other currency",
    Reason.WRONG_CUSTOMER: "Wrong customer",
    Reason.SELF_REFERRAL: "Self-referral",
    Reason.HOLD_PERIOD: "Hold period",
    Reason.NOT_MONEY: "Not money",
    Reason.DENIED: "Denied",
    Reason.DELETED: "Deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A list of commissions."""

    id: str
    title: str
    text: str
    commissions: tuple[CheckedCommission, ...]
    left_out: int
    """How many more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutPage:
    """The check of one tracker, or what stands there before there is one."""

    form: Form
    trackers: tuple[TrackerView, ...]
    day: str
    check: PayoutCheckView | None = None
    sections: tuple[Section, ...] = ()

    @property
    def figures(self) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """(what, amounts, colour) over all promoters."""
        names = (("Approved", "approved", ""), ("Do not pay", "held", "bad"), ("To pay", "to_pay", "ok"))
        figures = (*names, ("Paid wrongly", "paid_wrongly", "bad"))
        return tuple((label, self._amounts(name), colour) for label, name, colour in figures)

    @property
    def csv(self) -> str:
        """The address of the same as a file."""
        if self.check is None:
            return ""
        return f"{_PLACE}/export?{urlencode({'connection': self.check.connection_id, 'as_of': self.check.as_of})}"

    def amount(self, minor: int, currency: str) -> str:
        """An amount for people."""
        return payout_text(minor, currency)

    def label(self, reason: Reason) -> str:
        """A reason in words."""
        return _LABELS[reason]

    def _amounts(self, name: str) -> tuple[str, ...]:
        sums = self.check.sums(name) if self.check is not None else {}
        return tuple(payout_text(amount, currency) for currency, amount in sorted(sums.items()))


def routes(pages: PageRoutes) -> list[Route]:
    """Rights are judged by the address: reading reconciliation."""
    return [pages.get(_PLACE, show), pages.get(f"{_PLACE}/export", export)]


async def show(request: PageRequest) -> Response:
    """The check as of `?as_of=` for `?connection=`; the first tracker and today where nothing is asked for."""
    trackers = tuple(await request.hub.payouts.trackers())
    asked = {name: [request.query(name)] for name in ("connection", "as_of") if request.query(name)}
    form = Form(asked)
    page = PayoutPage(form=form, trackers=trackers, day=request.query("as_of"))
    if not trackers:
        return await _answer(request, page)
    try:
        check = await _check(request, trackers[0].id)
    except Invalid as error:
        form.blame(error, "connection", "as_of")
        return await _answer(request, page, status=422)
    page = PayoutPage(
        form=form, trackers=trackers, day=check.as_of.isoformat(), check=check, sections=tuple(_sections(check))
    )
    return await _answer(request, page)


async def export(request: PageRequest) -> Response:
    """The check as CSV."""
    trackers = await request.hub.payouts.trackers()
    if not trackers:
        raise Conflict("There is no connection to an affiliate tracker yet. Connect one under Apps.")
    check = await _check(request, trackers[0].id)
    headers = {
        "Content-Disposition": f'attachment; filename="payouts-{check.as_of}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(as_csv(check), media_type="text/csv; charset=utf-8", headers=headers)


async def _check(request: PageRequest, first: str) -> PayoutCheckView:
    text = request.query("as_of")
    day = clock.day(text) if text else None
    if text and day is None:
        raise Invalid("Choose a day.", field="as_of")
    terms = await request.hub.options.current()
    connection_id = request.query("connection")[:60] or first
    return await request.hub.payouts.check(connection_id, as_of=day, hold_days=terms.payout_hold_days)


def _sections(check: PayoutCheckView) -> Sequence[Section]:
    made = (
        ("held", "Do not pay", "Approved at the tracker, and not to be paid yet or at all.", check.held),
        ("wrong", "Paid although it should not", "To be set off or asked back.", check.paid_wrongly),
        ("other", "Not money", "Credits, points and free months are in no sum.", check.not_money),
    )
    return [
        Section(
            id=id_, title=title, text=text, commissions=commissions[:_SHOWN], left_out=max(0, len(commissions) - _SHOWN)
        )
        for id_, title, text, commissions in made
        if commissions
    ]


async def _answer(request: PageRequest, page: PayoutPage, status: int = 200) -> Response:
    return await request.page(
        "reconciliation/payouts.html", page, section="Reconciliation", crumbs=_CRUMBS, status=status
    )
