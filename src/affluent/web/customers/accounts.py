"""An account: overview, its ids in every system with its settings, and the timeline of all that was synced for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from affluent.billing.errors import Missing
from affluent.billing.schemas import NewSetting, SettingChange
from affluent.billing.views import AccountDetail, Invoice
from affluent.services.directory.directory_sync import SyncedAccount
from affluent.services.directory.identities import IdentityView
from affluent.services.directory.timeline import Happening, Sync
from affluent.services.identity.roles import may
from affluent.web.customers.billing_forms import blaming
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_PAGE, _NEWEST = 25, 5
TABS = (
    ("Overview", ""),
    ("Settings", "/settings"),
    ("Price plans", "/plans"),
    ("Invoices", "/invoices"),
    ("Timeline", "/timeline"),
)
IDS = ("IDs", "/settings")
"""The settings' tab of an account that another system keeps: its settings are there."""
_WRITES = {"Settings": "settings:write", "Price plans": "price_plans:write", "Invoices": "invoices:write"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every tab of an account shows around it. `detail` is None for one that another system keeps."""

    account_id: str
    detail: AccountDetail | None
    mirrored: SyncedAccount | None = None
    """What the other system said of it last, when it is known."""
    tab: str
    may_write: bool

    @property
    def address(self) -> str:
        """The address of the overview."""
        return f"/accounts/{quote(self.account_id)}"

    @property
    def query(self) -> str:
        """What follows an address, so that it stays the mirrored account also where one of this server has the same id."""
        return f"?source={quote(self.mirrored.connection_id)}" if self.mirrored else ""

    @property
    def name(self) -> str:
        """The name of the account; its id when no name is known."""
        if self.mirrored:
            return self.mirrored.name
        return self.detail.account.name if self.detail else self.account_id

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        """The tabs; without the workspace's own ones for an account that is not in it."""
        shown = TABS if self.detail else (TABS[0], IDS, TABS[-1]) if self.mirrored else (IDS, TABS[-1])
        return [(text, self.address + path + self.query, "") for text, path in shown]

    @property
    def crumbs(self) -> list[Crumb]:
        """The breadcrumbs of every tab."""
        if self.detail is None:
            return [("Customers", "/customers"), (self.name, "")]
        customer = self.detail.customer
        own = self.name if self.name != customer.name else self.account_id
        return [("Customers", "/customers"), (customer.name, f"/customers/{quote(customer.id)}"), (own, "")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """The first tab of an account."""

    frame: Frame
    happenings: tuple[Happening, ...]
    sync: Sync

    @property
    def invoice(self) -> Invoice | None:
        """The newest invoice; None when there is none."""
        return self.frame.detail.invoices[0] if self.frame.detail and self.frame.detail.invoices else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The id that one system has for the account."""

    identity: IdentityView
    app_title: str
    connection: str
    """Name of the connection; empty when it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """The ids and settings of an account."""

    frame: Frame
    known: tuple[Known, ...]
    form: Form
    part: str
    """Which form was refused: new, or the full id of a setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """The events of an account with their runs."""

    frame: Frame
    happenings: tuple[Happening, ...]
    older: str
    newer: str


def routes(pages: PageRoutes) -> list[Route]:
    """Who may do what is in web/rights.py, by these addresses."""
    return [
        pages.get("/accounts/{account}", overview),
        pages.get("/accounts/{account}/settings", settings),
        pages.post("/accounts/{account}/settings", add_setting),
        pages.post("/accounts/{account}/settings/{setting}", change_setting),
        pages.post("/accounts/{account}/settings/{setting}/delete", delete_setting),
        pages.get("/accounts/{account}/timeline", timeline),
    ]


async def overview(request: PageRequest) -> Response:
    """Plan, money and the newest of everything."""
    frame = await frame_of(request, "Overview")
    if frame.detail is None and frame.mirrored is None:
        return request.go(f"{frame.address}/timeline")
    newest, syncs = await asyncio.gather(
        request.hub.syncs.timeline(frame.account_id, limit=_NEWEST), request.hub.syncs.of_accounts([frame.account_id])
    )
    page = OverviewPage(frame=frame, happenings=newest.items, sync=syncs[frame.account_id])
    template = "accounts/overview.html" if frame.detail else "accounts/mirrored.html"
    return await request.page(template, page, section="Customers", crumbs=frame.crumbs)


async def settings(request: PageRequest) -> Response:
    """Every system's id of the account, and its settings."""
    return await _settings(request, Form())


async def add_setting(request: PageRequest) -> Response:
    """Add a setting to the account."""
    form = await request.form()
    body = {
        "entityType": "ACCOUNT",
        "entityId": request.path("account"),
        "id": form.text("id").strip(),
        "value": form.text("value"),
        "namespace": form.text("namespace").strip() or "USER",
        "name": form.text("name").strip() or form.text("id").strip(),
        "dataType": "STRING",
    }
    with blaming(form, {"id": "id", "value": "value", "namespace": "namespace", "name": "name"}):
        made = await request.hub.billing.settings.create(NewSetting.model_validate(body))
        return _to_settings(request, f"{made.id} is kept.")
    return await _settings(request, form, part="new", status=422)


async def change_setting(request: PageRequest) -> Response:
    """Give a setting another value."""
    form, full_id = await request.form(), _own(request)
    with blaming(form, {"value": "value"}):
        change = SettingChange.model_validate({"value": form.text("value")})
        setting = await request.hub.billing.settings.change(full_id, change)
        return _to_settings(request, f"{setting.id} is saved.")
    return await _settings(request, form, part=full_id, status=422)


async def delete_setting(request: PageRequest) -> Response:
    """Remove a setting from the account."""
    await request.hub.billing.settings.delete(_own(request))
    return _to_settings(request, "The setting is removed.")


async def timeline(request: PageRequest) -> Response:
    """Events and their runs, newest first; `?before=` goes on."""
    frame, before = await frame_of(request, "Timeline"), request.query("before")
    happenings = await request.hub.syncs.timeline(frame.account_id, limit=_PAGE, before=before)
    address = f"{frame.address}/timeline"
    page = TimelinePage(
        frame=frame,
        happenings=happenings.items,
        older=f"{address}{frame.query or '?'}{'&' if frame.query else ''}before={happenings.next}"
        if happenings.next
        else "",
        newer=address + frame.query if before else "",
    )
    return await request.page("accounts/timeline.html", page, section="Customers", crumbs=frame.crumbs)


async def frame_of(request: PageRequest, tab: str) -> Frame:
    """The account of the address: this server's, else one that another system keeps, as far as we know of it.

    With `?source=`: the one of the system behind that connection. Raises Missing.
    """
    account_id, source = request.path("account"), request.query("source")
    missing = Missing(f"There is no account {account_id!r} of this connection.")
    if not source:
        try:
            detail = await request.hub.billing.account_detail(account_id)
        except Missing as error:
            missing = error
        else:
            may_write = may(request.person.role, _WRITES.get(tab, "accounts:write"))
            return Frame(account_id=account_id, detail=detail, tab=tab, may_write=may_write)
    mirrored = await request.hub.mirror.account(account_id, source)
    if mirrored is None and (source or not await request.hub.events.find(account_id=account_id, limit=1)):
        raise missing
    tab = IDS[0] if tab == TABS[1][0] else tab
    return Frame(account_id=account_id, detail=None, mirrored=mirrored, tab=tab, may_write=False)


async def _settings(request: PageRequest, form: Form, *, part: str = "", status: int = 200) -> Response:
    frame, identities = await asyncio.gather(
        frame_of(request, "Settings"), request.hub.identities.find(account_id=request.path("account"))
    )
    page = SettingsPage(frame=frame, known=await _known(request, identities), form=form, part=part)
    return await request.page("accounts/settings.html", page, section="Customers", crumbs=frame.crumbs, status=status)


async def _known(request: PageRequest, identities: Sequence[IdentityView]) -> tuple[Known, ...]:
    names: dict[str, str] = {}
    for app in {identity.app for identity in identities}:
        names |= {
            connection.id: connection.name for connection in await request.hub.connections.list(app=app, limit=200)
        }
    titles = {key: app.title for key, app in request.hub.catalog.apps.items()}
    return tuple(
        Known(
            identity=identity,
            app_title=titles.get(identity.app, identity.app),
            connection=names.get(identity.connection_id, ""),
        )
        for identity in identities
    )


def _own(request: PageRequest) -> str:
    """The setting of the address, when it is one of this account; raises Missing."""
    full_id = request.path("setting")
    if not full_id.endswith(f".ACCOUNT.{request.path('account')}"):
        raise Missing(f"There is no setting {full_id!r} of this account.")
    return full_id


def _to_settings(request: PageRequest, say: str) -> Response:
    return request.go(f"/accounts/{quote(request.path('account'))}/settings", say=say)
