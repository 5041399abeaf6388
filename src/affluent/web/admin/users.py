"""Admin Center, Users: invite, roles, deactivate, sessions."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import ServiceError
from affluent.services.identity.people import PersonView, Role
from affluent.services.identity.sessions import SessionView
from affluent.web.app import WebApp
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest

_CRUMBS: tuple[Crumb, ...] = (("Admin Center", "/admin/tokens"), ("Users", ""))
ROLES = tuple((role.value, role.label) for role in Role)
ABOUT = (
    (Role.ADMINISTRATOR.label, "Everything, the Admin Center too."),
    (
        Role.DEVELOPER.label,
        "Reads all of it; changes connections, flows, runs, customers, accounts and their settings.",
    ),
    (
        Role.PRODUCT_MANAGER.label,
        "Reads all of it; changes price plans, invoices, payments, credits, and repairs runs.",
    ),
    (Role.ANALYST.label, "Reads all of it, changes nothing."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """Everybody, and the dialog that is open."""

    people: tuple[PersonView, ...]
    form: Form
    dialog: str = ""
    roles: tuple[tuple[str, str], ...] = ROLES
    about: tuple[tuple[str, str], ...] = ABOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """One person with their sessions."""

    person: PersonView
    sessions: tuple[SessionView, ...]
    form: Form
    roles: tuple[tuple[str, str], ...] = ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage:
    """A link that was just made; shown once."""

    person: PersonView
    link: str


def routes(site: WebApp) -> list[Route]:
    """All of it is the administrator's."""
    role = Role.ADMINISTRATOR
    return [
        site.get("/admin/users", index, role=role),
        site.post("/admin/users", invite, role=role),
        site.get("/admin/users/{person}", show, role=role),
        site.post("/admin/users/{person}/role", change_role, role=role),
        site.post("/admin/users/{person}/link", make_link, role=role),
        site.post("/admin/users/{person}/deactivate", deactivate, role=role),
        site.post("/admin/users/{person}/activate", activate, role=role),
        site.post("/admin/users/{person}/second-factor/remove", remove_second_factor, role=role),
        site.post("/admin/users/{person}/sessions/end", end_sessions, role=role),
    ]


async def index(visit: PageRequest) -> Response:
    """The list; `?dialog=new` opens the form for browsers without script."""
    return await _list(visit, Form({"role": Role.ANALYST.value}), dialog=visit.query("dialog"))


async def invite(visit: PageRequest) -> Response:
    """A new person; the answer shows the link, which is sent by hand."""
    form = await visit.form()
    try:
        person, link = await visit.hub.users.invite(
            name=form.text("name"), email=form.text("email"), role=form.text("role")
        )
    except ServiceError as error:
        form.blame(error, "name", "email", "role")
        return await _list(visit, form, dialog="new", status=422)
    return await _link_page(visit, person, link)


async def show(visit: PageRequest) -> Response:
    """One person."""
    return await _page(visit, Form())


async def change_role(visit: PageRequest) -> Response:
    """Another role, from the next request on."""
    form = await visit.form()
    try:
        person = await visit.hub.users.change_role(visit.path("person"), form.text("role"))
    except ServiceError as error:
        if error.status == 404:
            raise
        form.blame(error, "role")
        return await _page(visit, form, status=422)
    return visit.go(f"/admin/users/{person.id}", say=f"{person.name} is {person.role.label} now.")


async def make_link(visit: PageRequest) -> Response:
    """A link to choose a new password; links made before are void."""
    link = await visit.hub.users.new_password_link(visit.path("person"))
    return await _link_page(visit, await visit.hub.users.get(visit.path("person")), link)


async def deactivate(visit: PageRequest) -> Response:
    """Out everywhere, and in no more."""
    person = await visit.hub.users.deactivate(visit.path("person"))
    return visit.go(f"/admin/users/{person.id}", say=f"{person.name} is signed out everywhere and cannot sign in.")


async def activate(visit: PageRequest) -> Response:
    """In again."""
    person = await visit.hub.users.activate(visit.path("person"))
    return visit.go(f"/admin/users/{person.id}", say=f"{person.name} can sign in again.")


async def remove_second_factor(visit: PageRequest) -> Response:
    """For someone who lost it."""
    person = await visit.hub.users.remove_second_factor(visit.path("person"))
    return visit.go(f"/admin/users/{person.id}", say=f"{person.name} signs in with the password alone now.")


async def end_sessions(visit: PageRequest) -> Response:
    """One session, or all when none is named."""
    form = await visit.form()
    ended = await visit.hub.users.revoke(visit.path("person"), session_id=form.text("session"))
    said = "That browser is signed out." if ended == 1 else f"{ended} browsers are signed out."
    return visit.go(f"/admin/users/{visit.path('person')}", say=said)


async def _list(visit: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    page = UsersPage(people=await visit.hub.users.list(), form=form, dialog=dialog)
    return await visit.page("users/index.html", page, section="Admin Center", crumbs=_CRUMBS, status=status)


async def _page(visit: PageRequest, form: Form, status: int = 200) -> Response:
    person = await visit.hub.users.get(visit.path("person"))
    page = UserPage(person=person, sessions=await visit.hub.users.sessions(person.id), form=form)
    crumbs = (*_CRUMBS[:1], ("Users", "/admin/users"), (person.name, ""))
    return await visit.page("users/show.html", page, section="Admin Center", crumbs=crumbs, status=status)


async def _link_page(visit: PageRequest, person: PersonView, link: str) -> Response:
    page = LinkPage(person=person, link=link)
    headers = {"Content-Encoding": "identity"}  # never compressed: the length of the answer would tell of the link
    return await visit.page("users/link.html", page, section="Admin Center", crumbs=_CRUMBS, headers=headers)
