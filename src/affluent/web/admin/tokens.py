"""Admin Center, API tokens: generate with scopes, shown once, deactivate, delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response
from starlette.routing import Route

from affluent.kit import clock
from affluent.services.errors import Invalid, ServiceError
from affluent.services.identity.people import Role
from affluent.services.identity.scopes import BILLING_RESOURCES, HUB_RESOURCES
from affluent.services.identity.tokens import NewToken, TokenView
from affluent.web.forms import Form
from affluent.web.request import Crumb, PageRequest
from affluent.web.routing import PageRoutes

_PAGE = 50
_CRUMBS: tuple[Crumb, ...] = (("Admin Center", "/admin/tokens"), ("API tokens", ""))
_LIVES = {"": "Does not expire", "30": "In 30 days", "90": "In 90 days", "365": "In one year"}
GROUPS = (("Billing workspace", BILLING_RESOURCES), ("Hub", HUB_RESOURCES))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPage:
    """One page of the list, and the dialog that is open."""

    tokens: tuple[TokenView, ...]
    older: str
    newer: str
    form: Form
    dialog: str = ""
    """new, or delete-<id>."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = GROUPS
    lives: tuple[tuple[str, str], ...] = tuple(_LIVES.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPage:
    """A new token with its secret, which is shown this once."""

    token: TokenView
    secret: str
    example: str


def routes(pages: PageRoutes) -> list[Route]:
    """Only administrators may ask for these."""
    role = Role.ADMINISTRATOR
    return [
        pages.get("/admin", to_tokens, role=role),
        pages.get("/admin/tokens", index, role=role),
        pages.post("/admin/tokens", generate, role=role),
        pages.post("/admin/tokens/{token}/rotate", rotate, role=role),
        pages.post("/admin/tokens/{token}/deactivate", deactivate, role=role),
        pages.post("/admin/tokens/{token}/delete", delete, role=role),
    ]


async def to_tokens(request: PageRequest) -> Response:
    """The first page of the Admin Center."""
    return request.go("/admin/tokens")


async def index(request: PageRequest) -> Response:
    """The list; `?dialog=` opens one of its dialogs for browsers without script."""
    return await _list(request, Form({"scope": []}), dialog=request.query("dialog"))


async def generate(request: PageRequest) -> Response:
    """Generate a token. Its secret is in this answer and nowhere else: not stored, not cached, not in an address."""
    form = await request.form()
    try:
        new = await request.hub.tokens.generate(
            name=form.text("name"),
            scopes=_scopes(form),
            expires_at=_expiry(form.text("lives")),
            networks=form.text("networks").replace(",", " ").split(),
            created_by=request.person.name,
        )
    except ServiceError as error:
        form.blame(error, "name", "scopes", "lives", "networks")
        return await _list(request, form, dialog="new", status=422)
    return await _secret_page(request, new)


async def rotate(request: PageRequest) -> Response:
    """Another secret, shown once; the one before is good for a day more."""
    return await _secret_page(request, await request.hub.tokens.rotate(request.path("token")))


async def _secret_page(request: PageRequest, new: NewToken) -> Response:
    page = SecretPage(token=new.token, secret=new.secret, example=f"{request.hub.server_url}/api/v1/runs")
    return await request.page(
        "tokens/secret.html",
        page,
        section="Admin Center",
        crumbs=_CRUMBS,
        headers={"Content-Encoding": "identity"},  # never compressed: the length of the answer would tell of the secret
    )


async def deactivate(request: PageRequest) -> Response:
    """Refuse the token from now on."""
    token = await request.hub.tokens.deactivate(request.path("token"))
    return request.go("/admin/tokens", say=f"{token.name} is deactivated. Requests with it are refused from now on.")


async def delete(request: PageRequest) -> Response:
    """Remove the token, when its name was typed."""
    token, form = await request.hub.tokens.get(request.path("token")), await request.form()
    if form.text("confirm").strip() != token.name:
        form.wrong("confirm", f"Type {token.name} to delete it.")
        return await _list(request, form, dialog=f"delete-{token.id}", status=422)
    await request.hub.tokens.delete(token.id)
    return request.go("/admin/tokens", say=f"{token.name} is deleted.")


async def _list(request: PageRequest, form: Form, *, dialog: str, status: int = 200) -> Response:
    after = request.query("after")
    listed = await request.hub.tokens.list(limit=_PAGE, after=after)
    page = TokensPage(
        tokens=listed.items,
        older=f"/admin/tokens?after={listed.next}" if listed.next else "",
        newer="/admin/tokens" if after else "",
        form=form,
        dialog=dialog,
    )
    return await request.page("tokens/index.html", page, section="Admin Center", crumbs=_CRUMBS, status=status)


def _scopes(form: Form) -> list[str]:
    """What is ticked; write already includes read."""
    ticked = form.many("scope")
    return [scope for scope in ticked if not (scope.endswith(":read") and scope.replace(":read", ":write") in ticked)]


def _expiry(lives: str) -> datetime | None:
    if lives not in _LIVES:
        raise Invalid("Choose how long the token is good.", field="lives")
    return clock.now() + timedelta(days=int(lives)) if lives else None
