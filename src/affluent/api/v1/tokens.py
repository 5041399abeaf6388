"""`/tokens`: API tokens."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Response

from affluent.api.auth import Caller
from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit
from affluent.api.v1.schemas import NewTokenRequest, TokenRotation
from affluent.services.errors import Forbidden
from affluent.services.identity.scopes import grants
from affluent.services.identity.tokens import NewToken, TokenView, within_all
from affluent.services.paging import Page

routes = router("Tokens")


@routes.get("/tokens", summary="List tokens", **needs("tokens:read", 422))
async def find(hub: Hub, limit: Limit = 50, after: After = "") -> Page[TokenView]:
    """Newest first, without their secrets."""
    return await hub.tokens.list(limit=limit, after=after)


@routes.post("/tokens", status_code=201, summary="Generate a token", **needs("tokens:write", 413, 422))
async def create(hub: Hub, caller: Caller, body: NewTokenRequest, response: Response) -> NewToken:
    """The secret is in this answer and never shown again. A token grants only what it holds: scopes, time and networks."""
    _check_holds(caller, body)
    made = await hub.tokens.generate(
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        networks=body.networks,
        created_by=caller.name,
    )
    response.headers["Location"] = f"tokens/{made.token.id}"
    return made


@routes.get("/tokens/{token_id}", summary="Show a token", **needs("tokens:read", 404))
async def show(hub: Hub, token_id: str) -> TokenView:
    """One token, without its secret."""
    return await hub.tokens.get(token_id)


@routes.post("/tokens/{token_id}/deactivate", summary="Deactivate a token", **needs("tokens:write", 404))
async def deactivate(hub: Hub, caller: Caller, token_id: str) -> TokenView:
    """Refused from now on; it stays in the list."""
    _check_covers(caller, await hub.tokens.get(token_id))
    return await hub.tokens.deactivate(token_id)


@routes.post("/tokens/{token_id}/rotate", summary="Give a token a new secret", **needs("tokens:write", 404, 413, 422))
async def rotate(hub: Hub, caller: Caller, token_id: str, body: TokenRotation) -> NewToken:
    """The new secret is in this answer and never shown again; the one before is good for the overlap too."""
    _check_holds(caller, await hub.tokens.get(token_id))
    return await hub.tokens.rotate(token_id, overlap=timedelta(seconds=body.overlap_seconds))


@routes.delete("/tokens/{token_id}", status_code=204, summary="Delete a token", **needs("tokens:write", 404))
async def delete(hub: Hub, caller: Caller, token_id: str) -> None:
    """Gone from now on."""
    _check_covers(caller, await hub.tokens.get(token_id))
    await hub.tokens.delete(token_id)


def _check_covers(caller: TokenView, other: TokenView) -> None:
    """Raise Forbidden unless the token holds every scope of the one that it would stop."""
    lacking = next((scope for scope in other.scopes if not grants(caller.scopes, scope)), "")
    if lacking:
        raise Forbidden(
            f"This token cannot stop {other.name!r}, which may do more: it lacks the scope {lacking} itself.",
            field="token_id",
        )


def _check_holds(caller: TokenView, handed: NewTokenRequest | TokenView) -> None:
    """Raise Forbidden unless the token may itself what it hands out the secret of: as much, as long, and from there."""
    for scope in handed.scopes:
        if not grants(caller.scopes, scope):
            raise Forbidden(
                f"This token cannot hand out the scope {scope}, because it lacks it itself.", field="scopes"
            )
    if caller.expires_at and (handed.expires_at is None or handed.expires_at > caller.expires_at):
        raise Forbidden(
            f"This token expires at {caller.expires_at.isoformat()}, and can hand out none that outlives it.",
            field="expires_at",
        )
    if caller.networks and not within_all(handed.networks, caller.networks):
        raise Forbidden(
            f"This token is good from {', '.join(caller.networks)} only, and can hand out none that is good elsewhere.",
            field="networks",
        )
