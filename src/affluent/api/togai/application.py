"""All calls of the dialect as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from affluent.api.methods import allowed
from affluent.api.togai import directory, money, plans
from affluent.api.togai.routing import Authorise, guarded, routes, say, secret_of
from affluent.billing import Billing
from affluent.kit.jsons import dumps
from affluent.services.errors import Forbidden, Unauthorised


def togai_routes(billing: Billing, authorise: Authorise) -> ASGIApp:
    """The application; `authorise` decides by the bearer token whether a call may be made."""
    rules = [*directory.rules(billing), *plans.rules(billing), *money.rules(billing)]
    return Starlette(
        routes=[_authenticate(authorise), *routes(rules, authorise)],
        exception_handlers={HTTPException: _refused},
    )


def _authenticate(authorise: Authorise) -> Route:
    async def authenticate(request: Request) -> Response:
        async def act() -> Response:
            secret = secret_of(request)
            try:
                await authorise(secret, "customers:read")
            except Unauthorised:
                raise
            except Forbidden:
                pass  # known, only not for customers
            # A secret is a bearer token already, so it is its own session: deactivated, both end at once.
            return Response(
                dumps({"token": secret}), media_type="application/json", headers={"Cache-Control": "no-store"}
            )

        return await guarded(request, act)

    return Route("/authenticate", authenticate, methods=["POST"])


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail, headers = error.detail, error.headers
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        headers = {"Allow": allowed(request)}
        detail = f"{request.method} is not possible at {request.url.path}."
    return say(error.status_code, detail, headers)
