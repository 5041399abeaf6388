"""One's own account: name, password, second factor, sessions."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import ServiceError
from affluent.services.identity.own_account import Enrolment
from affluent.services.identity.sessions import PersonView, SessionView
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_CRUMBS = (("Your account", ""),)
_UNPACKED = {"Content-Encoding": "identity"}
"""Never compressed: the length of the answer would tell of the secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """The signed-in person's own account; `part` names the form that was refused."""

    person: PersonView
    sessions: tuple[SessionView, ...]
    form: Form
    part: str

    def form_of(self, part: str) -> Form:
        """The form of a part: what was typed, or nothing."""
        return self.form if part == self.part else Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentPage:
    """A second factor about to be set up."""

    enrolment: Enrolment
    form: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesPage:
    """Recovery codes, shown once."""

    codes: tuple[str, ...]


def routes(pages: PageRoutes) -> list[Route]:
    """Everybody who is signed in has these."""
    return [
        pages.get("/account", index),
        pages.post("/account/name", rename),
        pages.post("/account/password", change_password),
        pages.get("/account/second-factor", enrol),
        pages.post("/account/second-factor", confirm),
        pages.post("/account/second-factor/remove", remove),
        pages.post("/account/sessions/end", end_sessions),
    ]


async def index(request: PageRequest) -> Response:
    """The page without a form that was refused."""
    return await _page(request, Form(), "")


async def rename(request: PageRequest) -> Response:
    """Change one's own name."""
    form = await request.form()
    try:
        await request.hub.account.rename(request.person, form.text("name"))
    except ServiceError as error:
        form.blame(error, "name")
        return await _page(request, form, "name", 422)
    return request.go("/account", say="Your name is changed.")


async def change_password(request: PageRequest) -> Response:
    """Another password; other browsers are signed out."""
    form = await request.form()
    try:
        ended = await request.hub.account.change_password(
            request.person, current=form.text("current_password"), new=form.text("new_password")
        )
    except ServiceError as error:
        form.blame(error, "current_password", "new_password")
        return await _page(request, form, "password", 422)
    return request.go("/account", say=f"Your password is changed. Signed out elsewhere: {ended}.")


async def enrol(request: PageRequest) -> Response:
    """Show a fresh secret for the authenticator app."""
    return await _enrolment(request, request.hub.account.enrol(request.person), Form())


async def confirm(request: PageRequest) -> Response:
    """The first code proves that the app has the secret; the answer shows the recovery codes."""
    form = await request.form()
    secret = form.text("secret")
    try:
        codes = await request.hub.account.confirm_totp(
            request.person, secret=secret, code=form.text("code"), password=form.text("password")
        )
    except ServiceError as error:
        form.blame(error, "code", "password")
        fresh = request.hub.account.enrol(request.person)
        shown = request.hub.account.enrolment_of(request.person, secret) or fresh
        return await _enrolment(request, shown, form, 422)
    page = CodesPage(codes=tuple(codes))
    return await request.page("account/codes.html", page, section="", crumbs=_CRUMBS, headers=_UNPACKED)


async def remove(request: PageRequest) -> Response:
    """Remove the second factor; signing in asks for the password alone again."""
    form = await request.form()
    try:
        await request.hub.account.remove_totp(request.person, password=form.text("password"))
    except ServiceError as error:
        form.blame(error, "password")
        return await _page(request, form, "second-factor", 422)
    return request.go("/account", say="You sign in with the password alone now.")


async def end_sessions(request: PageRequest) -> Response:
    """One other session, or all others when none is named."""
    form = await request.form()
    ended = await request.hub.users.revoke(
        request.person.id, session_id=form.text("session"), but=request.person.session_id
    )
    return request.go("/account", say=f"Signed out elsewhere: {ended}.")


async def _page(request: PageRequest, form: Form, part: str, status: int = 200) -> Response:
    sessions = await request.hub.users.sessions(request.person.id)
    page = AccountPage(person=request.person, sessions=sessions, form=form, part=part)
    return await request.page("account/index.html", page, section="", crumbs=_CRUMBS, status=status)


async def _enrolment(request: PageRequest, enrolment: Enrolment, form: Form, status: int = 200) -> Response:
    page = EnrolmentPage(enrolment=enrolment, form=form)
    return await request.page(
        "account/enrolment.html", page, section="", crumbs=_CRUMBS, status=status, headers=_UNPACKED
    )
