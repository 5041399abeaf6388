"""Customers: the list with search, the form of a new one, and a customer with accounts, contacts and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.billing.errors import Missing, Taken
from affluent.billing.schemas import NewAccount, NewContact, NewCustomer
from affluent.billing.views import CustomerDetail
from affluent.kit.jsons import JSONObject
from affluent.services.directory.timeline import Sync
from affluent.services.identity.roles import may
from affluent.web.customers.billing_forms import blaming
from affluent.web.customers.customer_list import Entry, entries, entry_of
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 25
REFERRAL = (
    ("FirstPromoterTid", "Visitor ID", "Cookie _fprom_tid of the visit that led to the sign-up."),
    ("FirstPromoterRefId", "Referral ID", "The promoter's own id, as in ?fpr=priya."),
)
CURRENCIES = ("USD", "EUR", "GBP", "INR", "JPY", "AUD", "CAD", "SGD", "KWD")
"""Offered while typing; any other of ISO 4217 is taken as well."""
_OF_ACCOUNT = {
    "id": "account_id",
    "name": "name",
    "invoiceCurrency": "currency",
    "primaryEmail": "email",
    "settings": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersPage:
    """One page of the list of customers."""

    listed: tuple[Entry, ...]
    syncs: Mapping[str, Sync]
    q: str
    older: str
    newer: str
    form: Form
    dialog: str
    may_write: bool
    currencies: tuple[str, ...] = CURRENCIES
    referral: tuple[tuple[str, str, str], ...] = REFERRAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedCustomersPage:
    """A customer that another system keeps."""

    entry: Entry
    seen_at: datetime
    syncs: Mapping[str, Sync]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """A customer that this server bills."""

    detail: CustomerDetail
    syncs: Mapping[str, Sync]
    form: Form
    dialog: str
    may_write: bool
    currencies: tuple[str, ...] = CURRENCIES
    referral: tuple[tuple[str, str, str], ...] = REFERRAL


def routes(pages: PageRoutes) -> list[Route]:
    """Who may do what is in web/rights.py, by these addresses."""
    return [
        pages.get("/customers", index),
        pages.post("/customers", create),
        pages.get("/customers/{customer}", show),
        pages.post("/customers/{customer}/accounts", add_account),
        pages.post("/customers/{customer}/contacts", add_contact),
    ]


async def index(request: PageRequest) -> Response:
    """The list, this server's own and mirrored ones; `?q=` searches, `?after=` goes on."""
    return await _list(request, Form(), dialog=request.query("dialog"))


async def create(request: PageRequest) -> Response:
    """Create a customer with an account."""
    form = await request.form()
    number = form.text("id").strip()
    account: JSONObject = {
        "id": form.text("account_id").strip() or number,
        "name": form.text("name").strip(),
        "invoiceCurrency": form.text("currency").strip() or "USD",
        "primaryEmail": form.text("email").strip(),
        "settings": _settings(form),
    }
    body: JSONObject = {
        "id": number,
        "name": account["name"],
        "primaryEmail": account["primaryEmail"],
        "address": {},
        "account": account,
    }
    names = {"id": "id", "name": "name", "primaryEmail": "email"}
    names |= {f"account.{path}": field for path, field in _OF_ACCOUNT.items()}
    with blaming(form, names):
        try:
            made = await request.hub.billing.customers.create(NewCustomer.model_validate(body))
            return request.go(f"/customers/{quote(made.customer.id)}", say=f"{made.customer.name} is created.")
        except Taken as error:
            is_account = "account id" in error.message
            form.wrong("account_id" if is_account else "id", error.message.removeprefix("id: "))
    return await _list(request, form, dialog="new", status=422)


async def show(request: PageRequest) -> Response:
    """The page; of a customer that another system keeps when `?source=` names its connection, or this server has none."""
    if request.query("source"):
        return await _show_mirrored(request)
    try:
        return await _show(request, Form(), dialog=request.query("dialog"))
    except Missing:
        return await _show_mirrored(request)


async def add_account(request: PageRequest) -> Response:
    """Create one more account of the customer."""
    form, customer = await request.form(), request.path("customer")
    body: JSONObject = {
        "customerId": customer,
        "id": form.text("account_id").strip(),
        "name": form.text("name").strip(),
        "invoiceCurrency": form.text("currency").strip() or "USD",
        "settings": _settings(form),
    }
    if form.text("email").strip():
        body["primaryEmail"] = form.text("email").strip()
    with blaming(form, _OF_ACCOUNT):
        made = await request.hub.billing.accounts.create(NewAccount.model_validate(body))
        return request.go(f"/accounts/{quote(made.id)}", say=f"{made.name} is created.")
    return await _show(request, form, dialog="account", status=422)


async def add_contact(request: PageRequest) -> Response:
    """Add a contact to the customer."""
    form, customer = await request.form(), request.path("customer")
    given = {name: form.text(f"contact_{name}").strip() for name in ("name", "email", "phone")}
    body = {name: value for name, value in given.items() if value}
    with blaming(form, {name: f"contact_{name}" for name in given}):
        new = NewContact.model_validate(body)
        await request.hub.billing.customers.add_contact(customer, new, author=request.person.name)
        return request.go(f"/customers/{quote(customer)}", say=f"{new.name} is added.")
    return await _show(request, form, dialog="contact", status=422)


async def _list(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    q, after = request.query("q")[:200], request.query("after")
    listed, following = await entries(request.hub, search=q, limit=_PAGE, after=after)
    ids = [account.id for entry in listed for account in entry.accounts]
    asked = f"q={quote(q)}&" if q else ""
    page = CustomersPage(
        listed=listed,
        syncs=await request.hub.syncs.of_accounts(ids),
        q=q,
        older=f"/customers?{asked}after={following}" if following else "",
        newer=f"/customers?{asked}".rstrip("?&") if after else "",
        form=form,
        dialog=dialog,
        may_write=may(request.person.role, "customers:write"),
    )
    return await request.page(
        "customers/index.html", page, section="Customers", crumbs=[("Customers", "")], status=status
    )


async def _show_mirrored(request: PageRequest) -> Response:
    customer = await request.hub.mirror.customer(request.path("customer"), request.query("source"))
    syncs = await request.hub.syncs.of_accounts([account.id for account in customer.accounts])
    crumbs = [("Customers", "/customers"), (customer.name, "")]
    page = SyncedCustomersPage(entry=entry_of(customer), seen_at=customer.seen_at, syncs=syncs)
    return await request.page("customers/mirrored.html", page, section="Customers", crumbs=crumbs)


async def _show(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    detail = await request.hub.billing.customer_detail(request.path("customer"))
    page = CustomerPage(
        detail=detail,
        syncs=await request.hub.syncs.of_accounts([account.id for account in detail.accounts]),
        form=form,
        dialog=dialog,
        may_write=may(request.person.role, "customers:write"),
    )
    crumbs = [("Customers", "/customers"), (detail.customer.name, "")]
    return await request.page("customers/show.html", page, section="Customers", crumbs=crumbs, status=status)


def _settings(form: Form) -> list[JSONObject]:
    given = [(key, title, form.text(f"settings.{key}").strip()) for key, title, _ in REFERRAL]
    return [
        {"id": key, "value": value, "namespace": "USER", "name": title, "dataType": "STRING"}
        for key, title, value in given
        if value
    ]
