"""Admin Center, Users: invite, roles, deactivate, sessions."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import ServiceError
from affluent.services.identity.people import PersonView, Role
from affluent.services.identity.sessions import SessionView
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

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


def routes(pages: PageRoutes) -> list[Route]:
    """Only administrators may ask for these."""
    role = Role.ADMINISTRATOR
    return [
        pages.get("/admin/users", index, role=role),
        pages.post("/admin/users", invite, role=role),
        pages.get("/admin/users/{person}", show, role=role),
        pages.post("/admin/users/{person}/role", change_role, role=role),
        pages.post("/admin/users/{person}/link", make_link, role=role),
        pages.post("/admin/users/{person}/deactivate", deactivate, role=role),
        pages.post("/admin/users/{person}/activate", activate, role=role),
        pages.post("/admin/users/{person}/second-factor/remove", remove_second_factor, role=role),
        pages.post("/admin/users/{person}/sessions/end", end_sessions, role=role),
    ]


async def index(request: PageRequest) -> Response:
    """The list; `?dialog=new` opens the form for browsers without script."""
    return await _list(request, Form({"role": Role.ANALYST.value}), dialog=request.query("dialog"))


async def invite(request: PageRequest) -> Response:
    """A new person; the answer shows the link, which is sent by hand."""
    form = await request.form()
    try:
        person, link = await request.hub.users.invite(
            name=form.text("name"), email=form.text("email"), role=form.text("role")
        )
    except ServiceError as error:
        form.blame(error, "name", "email", "role")
        return await _list(request, form, dialog="new", status=422)
    return await _link_page(request, person, link)


async def show(request: PageRequest) -> Response:
    """The page of one person."""
    return await _page(request, Form())


async def change_role(request: PageRequest) -> Response:
    """Another role, from the next request on."""
    form = await request.form()
    try:
        person = await request.hub.users.change_role(request.path("person"), form.text("role"))
    except ServiceError as error:
        if error.status == 404:
            raise
        form.blame(error, "role")
        return await _page(request, form, status=422)
    return request.go(f"/admin/users/{person.id}", say=f"{person.name} is {person.role.label} now.")


async def make_link(request: PageRequest) -> Response:
    """A link to choose a new password; links made before are void."""
    link = await request.hub.users.new_password_link(request.path("person"))
    return await _link_page(request, await request.hub.users.get(request.path("person")), link)


async def deactivate(request: PageRequest) -> Response:
    """End all sessions of a person and let them sign in no more."""
    person = await request.hub.users.deactivate(request.path("person"))
    return request.go(f"/admin/users/{person.id}", say=f"{person.name} is signed out everywhere and cannot sign in.")


async def activate(request: PageRequest) -> Response:
    """Let a person sign in again."""
    person = await request.hub.users.activate(request.path("person"))
    return request.go(f"/admin/users/{person.id}", say=f"{person.name} can sign in again.")


async def remove_second_factor(request: PageRequest) -> Response:
    """Let a person who lost their second factor sign in with the password alone."""
    person = await request.hub.users.remove_second_factor(request.path("person"))
    return request.go(f"/admin/users/{person.id}", say=f"{person.name} signs in with the password alone now.")


async def end_sessions(request: PageRequest) -> Response:
    """One session, or all when none is named."""
    form = await request.form()
    ended = await request.hub.users.revoke(request.path("person"), session_id=form.text("session"))
    say = "That browser is signed out." if ended == 1 else f"{ended} browsers are signed out."
    return request.go(f"/admin/users/{request.path('person')}", say=say)


async def _list(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    page = UsersPage(people=await request.hub.users.list(), form=form, dialog=dialog)
    return await request.page("users/index.html", page, section="Admin Center", crumbs=_CRUMBS, status=status)


async def _page(request: PageRequest, form: Form, status: int = 200) -> Response:
    person = await request.hub.users.get(request.path("person"))
    page = UserPage(person=person, sessions=await request.hub.users.sessions(person.id), form=form)
    crumbs = (*_CRUMBS[:1], ("Users", "/admin/users"), (person.name, ""))
    return await request.page("users/show.html", page, section="Admin Center", crumbs=crumbs, status=status)


async def _link_page(request: PageRequest, person: PersonView, link: str) -> Response:
    page = LinkPage(person=person, link=link)
    headers = {"Content-Encoding": "identity"}  # never compressed: the length of the answer would tell of the link
    return await request.page("users/link.html", page, section="Admin Center", crumbs=_CRUMBS, headers=headers)
