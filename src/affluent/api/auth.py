"""Who calls: the bearer token of a request, checked for the scope that its route needs, before anything is read."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from affluent.services.errors import Unauthorised
from affluent.services.identity.tokens import Tokens, TokenView


async def authorise(request: Request, tokens: Tokens, scope: str) -> TokenView:
    """The caller's token; raises Unauthorised, or Forbidden naming the missing scope."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorised(
            "Send an API token: Authorization: Bearer aff_…. Generate one under Admin Center, API tokens."
        )
    return await tokens.authorise(secret.strip(), scope)


async def _caller(request: Request) -> TokenView:
    token: TokenView = request.state.token
    return token


Caller = Annotated[TokenView, Depends(_caller)]
"""The token of the request, which the route has checked already."""
