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
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """The form, where to go afterwards, and whether nobody can sign in yet."""

    form: Form
    next_address: str
    is_new: bool
    provider: str
    """Its name on the button; empty: nobody signs in elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """The second step of signing in. The ticket says that the password was right; it is good for five minutes."""

    form: Form
    ticket: str
    next_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationPage:
    """The form of somebody who was invited, or who is to have a new password."""

    form: Form
    person: PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePage:
    """The form with which the owner is created."""

    form: Form


def routes(pages: PageRoutes) -> list[Route]:
    """Everything here is for people who are not signed in yet."""
    return [
        pages.get("/sign-in", show_sign_in, public=True),
        pages.post("/sign-in", sign_in, public=True),
        pages.post("/sign-in/code", give_code, public=True),
        pages.get("/sign-in/provider", to_provider, public=True),
        pages.get("/sign-in/callback", from_provider, public=True),
        pages.post("/sign-out", sign_out, public=True),
        pages.get("/invitation/{link}", show_invitation, public=True),
        pages.post("/invitation/{link}", accept_invitation, public=True),
        pages.get("/welcome/{link}", show_welcome, public=True),
        pages.post("/welcome/{link}", welcome, public=True),
        pages.get("/enter/{link}", enter, public=True),
    ]


async def show_sign_in(request: PageRequest) -> Response:
    """The form; somebody who is signed in already goes on."""
    next_address = _local(request.query("next"))
    return request.go(next_address) if request.signed_in else await _sign_in_page(request, Form(), next_address)


async def sign_in(request: PageRequest) -> Response:
    """Check the password."""
    form = await request.form()
    next_address = _local(form.text("next"))
    try:
        token = await request.hub.people.sign_in(
            email=form.text("email"),
            password=form.text("password"),
            address=_address(request),
            device=session.device_of(request.http),
        )
    except NeedsCode as more:
        return await _code_page(request, Form(), more.ticket, next_address)
    except ServiceError as error:
        form.blame(error, "email", "password")
        return await _sign_in_page(request, form, next_address, status=422)
    return await _entering(request, token, next_address)


async def give_code(request: PageRequest) -> Response:
    """Check the second factor."""
    form = await request.form()
    ticket, next_address = form.text("ticket"), _local(form.text("next"))
    try:
        with _link(request):
            token = await request.hub.people.give_code(
                ticket, form.text("code"), device=session.device_of(request.http)
            )
    except NotFound as error:
        form.wrong("", error.message)
        return await _sign_in_page(request, form, next_address, status=422)
    except ServiceError as error:
        again = Form()
        again.blame(error, "code")
        return await _code_page(request, again, ticket, next_address, status=422)
    return await _entering(request, token, next_address)


async def to_provider(request: PageRequest) -> Response:
    """Off to the provider, with a cookie by which the browser is known when it comes back."""
    next_address = _local(request.query("next"))
    if request.signed_in is not None:
        return request.go(next_address)
    try:
        address, kept = await _provider(request).begin()
    except (ProviderAway, ProviderWrong) as error:
        return await _not_from_provider(request, error, next_address)
    response = request.go(address)
    session.begin_elsewhere(request.http, response, f"{kept} {quote(next_address)}")
    return response


async def from_provider(request: PageRequest) -> Response:
    """Back from the provider: signed in, asked for the second factor, or told why not."""
    kept, _, next_address = session.kept_elsewhere(request.http).partition(" ")
    next_address = _local(unquote(next_address))
    try:
        token = await _provider(request).arrive(kept, request.http.query_params)
    except NeedsCode as more:
        response = await _code_page(request, Form(), more.ticket, next_address)
    except (Forbidden, ProviderAway, ProviderWrong) as error:
        response = await _not_from_provider(request, error, next_address)
    else:
        response = await _entering(request, token, next_address)
    session.end_elsewhere(request.http, response)
    return response


async def show_invitation(request: PageRequest) -> Response:
    """The form to choose a password, while its link is good."""
    with _link(request):
        person = await request.hub.users.invited(request.path("link"))
    return await request.page("people/invitation.html", InvitationPage(form=Form(), person=person), section="")


async def accept_invitation(request: PageRequest) -> Response:
    """Set the password and sign in."""
    form, link = await request.form(), request.path("link")
    with _link(request):
        person = await request.hub.users.invited(link)
    try:
        token = await request.hub.users.choose_password(link, form.text("password"))
    except NotFound:
        raise
    except ServiceError as error:
        form.blame(error, "password")
        page = InvitationPage(form=form, person=person)
        return await request.page("people/invitation.html", page, section="", status=422)
    return await _entering(request, token, "/")


async def sign_out(request: PageRequest) -> Response:
    """End the session here and in the store."""
    token = session.token_of(request.http)
    if token:
        await request.hub.people.sign_out(token)
    response = RedirectResponse("/sign-in", 303)
    session.end(request.http, response)
    return response


async def show_welcome(request: PageRequest) -> Response:
    """The owner's form, while its link is good."""
    with _link(request):
        if not await request.hub.people.can_create_owner(request.path("link")):
            raise NotFound(
                "This link was used already or is older than 24 hours. If there is no owner yet, start the server again."
            )
    return await request.page("people/welcome.html", WelcomePage(form=Form()), section="")


async def welcome(request: PageRequest) -> Response:
    """Create the owner and sign in."""
    form = await request.form()
    try:
        with _link(request):
            token = await request.hub.people.create_owner(
                request.path("link"), name=form.text("name"), email=form.text("email"), password=form.text("password")
            )
    except NotFound:
        raise
    except ServiceError as error:
        form.blame(error, "name", "email", "password")
        return await request.page("people/welcome.html", WelcomePage(form=form), section="", status=422)
    return await _entering(request, token, "/")


async def enter(request: PageRequest) -> Response:
    """A link that signs in once; opened again by the one who is signed in, it just goes on."""
    if request.signed_in is not None:
        return request.go("/")
    with _link(request):
        token = await request.hub.people.enter(request.path("link"))
    return await _entering(request, token, "/")


async def _sign_in_page(request: PageRequest, form: Form, next_address: str, status: int = 200) -> Response:
    provider = request.hub.single_sign_on
    page = SignInPage(
        form=form,
        next_address=next_address,
        is_new=not await request.hub.people.has_owner(),
        provider=provider.name if provider else "",
    )
    return await request.page("people/sign_in.html", page, section="", status=status)


async def _code_page(request: PageRequest, form: Form, ticket: str, next_address: str, status: int = 200) -> Response:
    page = CodePage(form=form, ticket=ticket, next_address=next_address)
    return await request.page("people/code.html", page, section="", status=status)


def _provider(request: PageRequest) -> SingleSignOn:
    if request.hub.single_sign_on is None:
        raise NotFound("Nobody signs in elsewhere here: no provider is set.")
    return request.hub.single_sign_on


async def _not_from_provider(request: PageRequest, error: ServiceError, next_address: str) -> Response:
    form = Form()
    form.wrong("", f"{_provider(request).name}: {error.message}")
    return await _sign_in_page(request, form, next_address, status=error.status)


async def _entering(request: PageRequest, token: str, address: str) -> Response:
    response = request.go(address)
    session.begin(request.http, response, token)
    people = request.hub.people
    person = await people.of_session(token)
    held = people.devices.known(session.device_of(request.http))
    if person is not None and (held is None or held.person_id != person.id):
        session.know(request.http, response, people.devices.cookie(person.id))
    return response


def _link(request: PageRequest) -> AbstractContextManager[None]:
    """Around what looks a link up: an address, or a browser that is known, may try few that are not there."""
    people = request.hub.people
    known = people.devices.known(session.device_of(request.http))
    return people.unknown_links.trying(f"browser {known.id}" if known else f"address {address_key(_address(request))}")


def _address(request: PageRequest) -> str:
    return request.http.client.host if request.http.client else ""


def _local(address: str) -> str:
    """The address, when it is one of ours; else the first page."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_local else "/"
