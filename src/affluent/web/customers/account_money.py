"""An account's price plans and invoices: attach and detach, a new invoice, payments, and the moves of its status."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.billing import status_transitions as moves
from affluent.billing.errors import Missing
from affluent.billing.reading import today
from affluent.billing.schemas import EditOfSchedule, InvoiceChange, NewInvoice, NewPayment
from affluent.billing.views import Invoice, PricePlan
from affluent.kit.jsons import JSONObject
from affluent.web.customers.accounts import Frame, frame_of
from affluent.web.customers.billing_forms import amount, blaming, day
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE, _PLANS = 25, 200
_FOR_GOOD = date(9999, 1, 1)
LINES = (0, 1, 2)
SOURCES = (
    ("BANK_TRANSFER", "Bank transfer"),
    ("CARD", "Card"),
    ("GATEWAY", "Payment gateway"),
    ("CHEQUE", "Cheque"),
    ("CASH", "Cash"),
)
STATUSES = (("DUE", "Due: issue it now"), ("PAID", "Paid: issue it as paid"), ("DRAFT", "Draft: tell nobody yet"))
MOVES: Mapping[str, tuple[str, str, str]] = {
    "DUE": ("Issue it", "send", "is issued"),
    "PAID": ("Mark as paid", "circle-check", "is paid"),
    "UN_COLLECTIBLE": ("Mark uncollectible", "circle-slash", "is marked uncollectible"),
    "VOID": ("Void it", "ban", "is void"),
    "REFUND_INITIATED": ("Start the refund", "undo-2", "is being refunded"),
    "REFUND_COMPLETED": ("Complete the refund", "undo-2", "is refunded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlansPage:
    """The price plans of an account by time."""

    frame: Frame
    plans: tuple[PricePlan, ...]
    """Those that may be attached."""
    today: date
    form: Form
    dialog: str
    for_good: date = _FOR_GOOD

    @property
    def options(self) -> list[tuple[str, str]]:
        """Id and name of the plans that may be attached."""
        return [(plan.id, plan.name) for plan in self.plans]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicesPage:
    """One page of an account's invoices."""

    frame: Frame
    invoices: tuple[Invoice, ...]
    older: str
    newer: str
    begins: date
    ends: date
    form: Form
    dialog: str
    """new, or pay-<invoice>."""
    sources: tuple[tuple[str, str], ...] = SOURCES
    statuses: tuple[tuple[str, str], ...] = STATUSES
    lines: tuple[int, ...] = LINES

    def moves_of(self, invoice: Invoice) -> list[tuple[str, str, str]]:
        """(status, what it is called, icon) of what may be done next."""
        return [(status, *MOVES[status][:2]) for status in moves.BY_PERSON.get(invoice.status, ())]

    def is_payable(self, invoice: Invoice) -> bool:
        """Whether a payment for the invoice can be recorded."""
        return invoice.status in moves.PAYABLE and invoice.due.minor_units > 0


def routes(pages: PageRoutes) -> list[Route]:
    """Who may do what is in web/rights.py, by these addresses."""
    return [
        pages.get("/accounts/{account}/plans", plans),
        pages.post("/accounts/{account}/plans", attach),
        pages.post("/accounts/{account}/plans/detach", detach),
        pages.get("/accounts/{account}/invoices", invoices),
        pages.post("/accounts/{account}/invoices", create),
        pages.post("/accounts/{account}/invoices/{invoice}/payments", pay),
        pages.post("/accounts/{account}/invoices/{invoice}/status", move),
    ]


async def plans(request: PageRequest) -> Response:
    """The schedule of the account's price plans."""
    return await _plans(request, Form(), dialog=request.query("dialog"))


async def attach(request: PageRequest) -> Response:
    """Attach a price plan for some days."""
    return await _edit(request, "ASSOCIATE", dialog="attach")


async def detach(request: PageRequest) -> Response:
    """Take the price plan off for some days."""
    return await _edit(request, "DISASSOCIATE", dialog="detach")


async def invoices(request: PageRequest) -> Response:
    """One page of the invoices; `?after=` goes on."""
    return await _invoices(request, Form(), dialog=request.query("dialog"))


async def create(request: PageRequest) -> Response:
    """Create an invoice from the lines that were typed."""
    form, account = await request.form(), await request.hub.billing.accounts.get(request.path("account"))
    body: JSONObject = {
        "accountId": account.id,
        "status": form.text("status"),
        "startDate": form.text("start"),
        "endDate": form.text("end"),
        "lineItems": _lines(form, account.currency),
    }
    names = {"startDate": "start", "endDate": "end", "status": "status", "lineItems": "description.0"}
    for place, number in enumerate(_filled(form)):
        names |= {
            f"lineItems.{place}.description": f"description.{number}",
            f"lineItems.{place}.taxAmount": f"tax.{number}",
            f"lineItems.{place}": f"net.{number}",
        }
    if not form.errors:
        with blaming(form, names):
            made = await request.hub.billing.invoices.create(NewInvoice.model_validate(body))
            return _to_invoices(request, f"Invoice {made.number or 'draft'} is created.")
    return await _invoices(request, form, dialog="new", status=422)


async def pay(request: PageRequest) -> Response:
    """Record money received for an invoice."""
    form, invoice = await request.form(), await _invoice(request)
    body: JSONObject = {
        "accountId": invoice.account_id,
        "currency": invoice.currency,
        "totalAmount": amount(form, "amount", invoice.currency),
        "externalPaymentReference": {
            "sourceName": form.text("source").strip(),
            "sourceType": form.text("type"),
            "transactionNumber": form.text("number").strip(),
        },
        "lineItemRecords": [{"type": "INVOICE", "togaiId": invoice.id, "order": 0}],
    }
    reference = "externalPaymentReference."
    names = {"totalAmount": "amount", "lineItemRecords": "amount", f"{reference}sourceName": "source"}
    names |= {f"{reference}sourceType": "type", f"{reference}transactionNumber": "number"}
    if not form.errors:
        with blaming(form, names):
            await request.hub.billing.payments.record(NewPayment.model_validate(body), author=request.person.email)
            return _to_invoices(request, f"The payment for {invoice.number} is recorded.")
    return await _invoices(request, form, dialog=f"pay-{invoice.id}", status=422)


async def move(request: PageRequest) -> Response:
    """Another status: issue, pay, void, refund."""
    form, invoice = await request.form(), await _invoice(request)
    status = form.text("to")
    with blaming(form, {}):
        after = await request.hub.billing.invoices.change(invoice.id, InvoiceChange.model_validate({"status": status}))
        return _to_invoices(request, f"Invoice {after.number} {MOVES[status][2]}.")
    return await _invoices(request, form, dialog="", status=422)


async def _edit(request: PageRequest, mode: str, *, dialog: str) -> Response:
    form, account_id = await request.form(), request.path("account")
    start, end = ("from", "until") if mode == "ASSOCIATE" else ("detach_from", "detach_until")
    body: JSONObject = {
        "mode": mode,
        "effectiveFrom": (day(form, start, today()) or today()).isoformat(),
        "effectiveUntil": (day(form, end, _FOR_GOOD) or _FOR_GOOD).isoformat(),
    }
    if mode == "ASSOCIATE":
        body["pricePlanId"] = form.text("plan")
    names = {"pricePlanId": "plan", "effectiveFrom": start, "effectiveUntil": end}
    if not form.errors:
        with blaming(form, names):
            await request.hub.billing.schedules.edit(account_id, [EditOfSchedule.model_validate(body)])
            say = "The price plan is attached." if mode == "ASSOCIATE" else "These days have no price plan any more."
            return request.go(f"/accounts/{quote(account_id)}/plans", say=say)
    return await _plans(request, form, dialog=dialog, status=422)


async def _plans(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    frame, active_plans = await asyncio.gather(
        _own(request, "Price plans"),
        request.hub.billing.price_plans.find(plan_type="BILLING", status="ACTIVE", limit=_PLANS),
    )
    currency = frame.detail.account.currency if frame.detail else ""
    usable = tuple(plan for plan in active_plans if currency in plan.active_currencies)
    page = PlansPage(frame=frame, plans=usable, today=today(), form=form, dialog=dialog)
    return await request.page("accounts/plans.html", page, section="Customers", crumbs=frame.crumbs, status=status)


async def _invoices(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    after = request.query("after")
    frame, listed = await asyncio.gather(
        _own(request, "Invoices"),
        request.hub.billing.invoices.find(account_id=request.path("account"), limit=_PAGE, after=after),
    )
    address = f"{frame.address}/invoices"
    page = InvoicesPage(
        frame=frame,
        invoices=listed.items,
        older=f"{address}?after={listed.next}" if listed.next else "",
        newer=address if after else "",
        begins=today().replace(day=1),
        ends=(today().replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1),
        form=form,
        dialog=dialog,
    )
    return await request.page("accounts/invoices.html", page, section="Customers", crumbs=frame.crumbs, status=status)


async def _own(request: PageRequest, tab: str) -> Frame:
    """The account, which must be in the workspace; raises Missing."""
    await request.hub.billing.accounts.get(request.path("account"))
    return await frame_of(request, tab)


async def _invoice(request: PageRequest) -> Invoice:
    invoice = await request.hub.billing.invoices.get(request.path("invoice"))
    if invoice.account_id != request.path("account"):
        raise Missing(f"There is no invoice {invoice.id!r} of this account.")
    return invoice


def _filled(form: Form) -> list[int]:
    """The lines with anything in them; the first one always."""
    fields = ("description", "net", "tax")
    return [number for number in LINES if number == 0 or any(form.text(f"{f}.{number}").strip() for f in fields)]


def _lines(form: Form, currency: str) -> list[JSONObject]:
    lines: list[JSONObject] = []
    for number in _filled(form):
        net, tax = amount(form, f"net.{number}", currency), amount(form, f"tax.{number}", currency)
        if net is None:
            form.wrong(f"net.{number}", "Say how much.")
        line: JSONObject = {"description": form.text(f"description.{number}").strip(), "value": net}
        lines.append(line | ({"taxAmount": tax} if tax is not None else {}))
    return lines


def _to_invoices(request: PageRequest, say: str) -> Response:
    return request.go(f"/accounts/{quote(request.path('account'))}/invoices", say=say)
