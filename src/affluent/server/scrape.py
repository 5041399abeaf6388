"""/metrics of a server or a worker: for Prometheus, and for nobody else when a token is set."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from affluent.services.errors import TooManyTries
from affluent.services.identity.throttle import Unknown, address_key
from affluent.settings import Settings
from affluent.store.database import StoreUnavailable


def metrics_routes(settings: Settings, text: Callable[[], Awaitable[bytes]]) -> list[Route]:
    """The route, unless the setting `metrics` is off."""
    token = settings.metrics_token.get_secret_value()
    expected = f"Bearer {token}".encode()
    unknown = Unknown()

    def refusal(request: Request) -> Response | None:
        address = address_key(request.client.host if request.client else "")
        try:
            unknown.take(address)
        except TooManyTries as error:
            return Response(f"{error.message}\n", status_code=error.status, headers={"Retry-After": "60"})
        if hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
            unknown.give_back(address)
            return None
        return Response("The bearer token of AFFLUENT_METRICS_TOKEN is asked for.\n", status_code=401)

    async def metrics(request: Request) -> Response:
        refused = refusal(request) if token else None
        if refused is not None:
            return refused
        try:
            return Response(await text(), media_type="text/plain; version=0.0.4")
        except StoreUnavailable as error:
            return Response(f"{error}\n", status_code=503)

    return [Route("/metrics", metrics)] if settings.metrics else []


def metrics_application(settings: Settings, text: Callable[[], Awaitable[bytes]]) -> Starlette:
    """What a worker answers: its metrics, and nothing else."""
    return Starlette(routes=metrics_routes(settings, text))
