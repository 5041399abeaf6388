"""One's own account: name, password, second factor, sessions."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import ServiceError
from affluent.services.identity.own_account import Enrolment
from affluent.services.identity.sessions import PersonView, SessionView
from affluent.web.app import WebApp
from affluent.web.forms import Form
from affluent.web.request import PageRequest

_CRUMBS = (("Your account", ""),)
_UNPACKED = {"Content-Encoding": "identity"}
"""Never compressed: the length of the answer would tell of the secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Everything about oneself; `part` is the form that was sent."""

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


def routes(site: WebApp) -> list[Route]:
    """Everybody who is signed in has these."""
    return [
        site.get("/account", index),
        site.post("/account/name", rename),
        site.post("/account/password", change_password),
        site.get("/account/second-factor", enrol),
        site.post("/account/second-factor", confirm),
        site.post("/account/second-factor/remove", remove),
        site.post("/account/sessions/end", end_sessions),
    ]


async def index(visit: PageRequest) -> Response:
    """The page."""
    return await _page(visit, Form(), "")


async def rename(visit: PageRequest) -> Response:
    """Another name."""
    form = await visit.form()
    try:
        await visit.hub.account.rename(visit.person, form.text("name"))
    except ServiceError as error:
        form.blame(error, "name")
        return await _page(visit, form, "name", 422)
    return visit.go("/account", say="Your name is changed.")


async def change_password(visit: PageRequest) -> Response:
    """Another password; other browsers are signed out."""
    form = await visit.form()
    try:
        ended = await visit.hub.account.change_password(
            visit.person, current=form.text("current_password"), new=form.text("new_password")
        )
    except ServiceError as error:
        form.blame(error, "current_password", "new_password")
        return await _page(visit, form, "password", 422)
    return visit.go("/account", say=f"Your password is changed. Signed out elsewhere: {ended}.")


async def enrol(visit: PageRequest) -> Response:
    """Show a fresh secret for the authenticator app."""
    return await _enrolment(visit, visit.hub.account.enrol(visit.person), Form())


async def confirm(visit: PageRequest) -> Response:
    """The first code proves that the app has the secret; the answer shows the recovery codes."""
    form = await visit.form()
    secret = form.text("secret")
    try:
        codes = await visit.hub.account.confirm_totp(
            visit.person, secret=secret, code=form.text("code"), password=form.text("password")
        )
    except ServiceError as error:
        form.blame(error, "code", "password")
        fresh = visit.hub.account.enrol(visit.person)
        shown = visit.hub.account.enrolment_of(visit.person, secret) or fresh
        return await _enrolment(visit, shown, form, 422)
    page = CodesPage(codes=tuple(codes))
    return await visit.page("account/codes.html", page, section="", crumbs=_CRUMBS, headers=_UNPACKED)


async def remove(visit: PageRequest) -> Response:
    """No second factor any more."""
    form = await visit.form()
    try:
        await visit.hub.account.remove_totp(visit.person, password=form.text("password"))
    except ServiceError as error:
        form.blame(error, "password")
        return await _page(visit, form, "second-factor", 422)
    return visit.go("/account", say="You sign in with the password alone now.")


async def end_sessions(visit: PageRequest) -> Response:
    """One other session, or all others when none is named."""
    form = await visit.form()
    ended = await visit.hub.users.revoke(visit.person.id, session_id=form.text("session"), but=visit.person.session_id)
    return visit.go("/account", say=f"Signed out elsewhere: {ended}.")


async def _page(visit: PageRequest, form: Form, part: str, status: int = 200) -> Response:
    sessions = await visit.hub.users.sessions(visit.person.id)
    page = AccountPage(person=visit.person, sessions=sessions, form=form, part=part)
    return await visit.page("account/index.html", page, section="", crumbs=_CRUMBS, status=status)


async def _enrolment(visit: PageRequest, enrolment: Enrolment, form: Form, status: int = 200) -> Response:
    page = EnrolmentPage(enrolment=enrolment, form=form)
    return await visit.page(
        "account/enrolment.html", page, section="", crumbs=_CRUMBS, status=status, headers=_UNPACKED
    )
