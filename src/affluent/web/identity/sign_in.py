"""Signing in and out, and the owner's first steps."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import quote, unquote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from affluent.services.errors import Forbidden, NotFound, ProviderAway, ProviderWrong, ServiceError
from affluent.services.identity.people import NeedsCode, PersonView
from affluent.services.identity.single_sign_on import SingleSignOn
from affluent.services.identity.throttle import address_key
from affluent.web import session
from affluent.web.app import WebApp
from affluent.web.forms import Form
from affluent.web.request import PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """The form, where to go afterwards, and whether nobody can sign in yet."""

    form: Form
    wanted: str
    is_new: bool
    provider: str
    """Its name on the button; empty: nobody signs in elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """The second step of signing in. The ticket says that the password was right; it is good for five minutes."""

    form: Form
    ticket: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationPage:
    """The form of somebody who was invited, or who is to have a new password."""

    form: Form
    person: PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePage:
    """The form of the owner."""

    form: Form


def routes(site: WebApp) -> list[Route]:
    """Everything here is for people who are not signed in yet."""
    return [
        site.get("/sign-in", show_sign_in, public=True),
        site.post("/sign-in", sign_in, public=True),
        site.post("/sign-in/code", give_code, public=True),
        site.get("/sign-in/provider", to_provider, public=True),
        site.get("/sign-in/callback", from_provider, public=True),
        site.post("/sign-out", sign_out, public=True),
        site.get("/invitation/{link}", show_invitation, public=True),
        site.post("/invitation/{link}", accept_invitation, public=True),
        site.get("/welcome/{link}", show_welcome, public=True),
        site.post("/welcome/{link}", welcome, public=True),
        site.get("/enter/{link}", enter, public=True),
    ]


async def show_sign_in(visit: PageRequest) -> Response:
    """The form; somebody who is signed in already goes on."""
    wanted = _local(visit.query("next"))
    return visit.go(wanted) if visit.signed_in else await _sign_in_page(visit, Form(), wanted)


async def sign_in(visit: PageRequest) -> Response:
    """Check the password."""
    form = await visit.form()
    wanted = _local(form.text("next"))
    try:
        token = await visit.hub.people.sign_in(
            email=form.text("email"),
            password=form.text("password"),
            address=_address(visit),
            device=session.device_of(visit.request),
        )
    except NeedsCode as more:
        return await _code_page(visit, Form(), more.ticket, wanted)
    except ServiceError as error:
        form.blame(error, "email", "password")
        return await _sign_in_page(visit, form, wanted, status=422)
    return await _entering(visit, token, wanted)


async def give_code(visit: PageRequest) -> Response:
    """Check the second factor."""
    form = await visit.form()
    ticket, wanted = form.text("ticket"), _local(form.text("next"))
    try:
        with _link(visit):
            token = await visit.hub.people.give_code(ticket, form.text("code"), device=session.device_of(visit.request))
    except NotFound as error:
        form.wrong("", error.message)
        return await _sign_in_page(visit, form, wanted, status=422)
    except ServiceError as error:
        again = Form()
        again.blame(error, "code")
        return await _code_page(visit, again, ticket, wanted, status=422)
    return await _entering(visit, token, wanted)


async def to_provider(visit: PageRequest) -> Response:
    """Off to the provider, with a cookie by which the browser is known when it comes back."""
    wanted = _local(visit.query("next"))
    if visit.signed_in is not None:
        return visit.go(wanted)
    try:
        address, kept = await _provider(visit).begin()
    except (ProviderAway, ProviderWrong) as error:
        return await _not_from_provider(visit, error, wanted)
    response = visit.go(address)
    session.begin_elsewhere(visit.request, response, f"{kept} {quote(wanted)}")
    return response


async def from_provider(visit: PageRequest) -> Response:
    """Back from the provider: signed in, asked for the second factor, or told why not."""
    kept, _, wanted = session.kept_elsewhere(visit.request).partition(" ")
    wanted = _local(unquote(wanted))
    try:
        token = await _provider(visit).arrive(kept, visit.request.query_params)
    except NeedsCode as more:
        response = await _code_page(visit, Form(), more.ticket, wanted)
    except (Forbidden, ProviderAway, ProviderWrong) as error:
        response = await _not_from_provider(visit, error, wanted)
    else:
        response = await _entering(visit, token, wanted)
    session.end_elsewhere(visit.request, response)
    return response


async def show_invitation(visit: PageRequest) -> Response:
    """The form to choose a password, while its link is good."""
    with _link(visit):
        person = await visit.hub.users.invited(visit.path("link"))
    return await visit.page("people/invitation.html", InvitationPage(form=Form(), person=person), section="")


async def accept_invitation(visit: PageRequest) -> Response:
    """Set the password and sign in."""
    form, link = await visit.form(), visit.path("link")
    with _link(visit):
        person = await visit.hub.users.invited(link)
    try:
        token = await visit.hub.users.choose_password(link, form.text("password"))
    except NotFound:
        raise
    except ServiceError as error:
        form.blame(error, "password")
        page = InvitationPage(form=form, person=person)
        return await visit.page("people/invitation.html", page, section="", status=422)
    return await _entering(visit, token, "/")


async def sign_out(visit: PageRequest) -> Response:
    """End the session here and in the store."""
    token = session.token_of(visit.request)
    if token:
        await visit.hub.people.sign_out(token)
    response = RedirectResponse("/sign-in", 303)
    session.end(visit.request, response)
    return response


async def show_welcome(visit: PageRequest) -> Response:
    """The owner's form, while its link is good."""
    with _link(visit):
        if not await visit.hub.people.can_create_owner(visit.path("link")):
            raise NotFound(
                "This link was used already or is older than 24 hours. If there is no owner yet, start the server again."
            )
    return await visit.page("people/welcome.html", WelcomePage(form=Form()), section="")


async def welcome(visit: PageRequest) -> Response:
    """Create the owner and sign in."""
    form = await visit.form()
    try:
        with _link(visit):
            token = await visit.hub.people.create_owner(
                visit.path("link"), name=form.text("name"), email=form.text("email"), password=form.text("password")
            )
    except NotFound:
        raise
    except ServiceError as error:
        form.blame(error, "name", "email", "password")
        return await visit.page("people/welcome.html", WelcomePage(form=form), section="", status=422)
    return await _entering(visit, token, "/")


async def enter(visit: PageRequest) -> Response:
    """A link that signs in once; opened again by the one who is signed in, it just goes on."""
    if visit.signed_in is not None:
        return visit.go("/")
    with _link(visit):
        token = await visit.hub.people.enter(visit.path("link"))
    return await _entering(visit, token, "/")


async def _sign_in_page(visit: PageRequest, form: Form, wanted: str, status: int = 200) -> Response:
    provider = visit.hub.single_sign_on
    page = SignInPage(
        form=form,
        wanted=wanted,
        is_new=not await visit.hub.people.has_owner(),
        provider=provider.name if provider else "",
    )
    return await visit.page("people/sign_in.html", page, section="", status=status)


async def _code_page(visit: PageRequest, form: Form, ticket: str, wanted: str, status: int = 200) -> Response:
    page = CodePage(form=form, ticket=ticket, wanted=wanted)
    return await visit.page("people/code.html", page, section="", status=status)


def _provider(visit: PageRequest) -> SingleSignOn:
    if visit.hub.single_sign_on is None:
        raise NotFound("Nobody signs in elsewhere here: no provider is set.")
    return visit.hub.single_sign_on


async def _not_from_provider(visit: PageRequest, error: ServiceError, wanted: str) -> Response:
    form = Form()
    form.wrong("", f"{_provider(visit).name}: {error.message}")
    return await _sign_in_page(visit, form, wanted, status=error.status)


async def _entering(visit: PageRequest, token: str, address: str) -> Response:
    response = visit.go(address)
    session.begin(visit.request, response, token)
    people = visit.hub.people
    person = await people.of_session(token)
    held = people.devices.known(session.device_of(visit.request))
    if person is not None and (held is None or held.person_id != person.id):
        session.know(visit.request, response, people.devices.cookie(person.id))
    return response


def _link(visit: PageRequest) -> AbstractContextManager[None]:
    """Around what looks a link up: an address, or a browser that is known, may try few that are not there."""
    people = visit.hub.people
    known = people.devices.known(session.device_of(visit.request))
    return people.unknown_links.trying(f"browser {known.id}" if known else f"address {address_key(_address(visit))}")


def _address(visit: PageRequest) -> str:
    return visit.request.client.host if visit.request.client else ""


def _local(address: str) -> str:
    """The address, when it is one of ours; else the first page."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_local else "/"
