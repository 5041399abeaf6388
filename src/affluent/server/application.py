"""All that one server answers: hooks, the billing workspace, the REST API, health, the interface."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from affluent.api.togai import togai_routes
from affluent.api.v1 import api
from affluent.bootstrap import Hub
from affluent.server.middleware import RequestMiddleware
from affluent.server.protocol import BODY_SECONDS, Patient
from affluent.server.proxies import TrustedProxies
from affluent.server.scrape import metrics_routes
from affluent.store.database import StoreUnavailable
from affluent.web import web
from affluent.webhooks.receive import WebhookMiddleware, hook_routes


def application(hub: Hub) -> ASGIApp:
    """The server as one ASGI application."""
    settings = hub.settings

    async def per_minute() -> int:
        return (await hub.options.current()).requests_per_minute

    return RequestMiddleware(
        WebhookMiddleware(
            hub.hooks,
            Patient(Starlette(routes=server_routes(hub)), body_seconds=BODY_SECONDS),
            max_body_bytes=settings.max_body_bytes,
        ),
        hosts=settings.allowed_hosts.split(","),
        per_minute=settings.requests_per_minute,
        now_per_minute=per_minute,
        proxies=TrustedProxies(settings.trusted_proxies, settings.proxy_header),
        is_https=settings.public_url.lower().startswith("https://"),
    )


def server_routes(hub: Hub) -> list[BaseRoute]:
    """Everything that is answered."""
    return [
        *hook_routes(hub.hooks, max_body_bytes=hub.settings.max_body_bytes),
        *_health(hub),
        *metrics_routes(hub.settings, hub.metrics.text),
        Mount("/togai", togai_routes(hub.billing, hub.authorise)),
        Mount("/api/v1", api(hub)),
        Mount("/", web(hub)),
    ]


def _health(hub: Hub) -> list[Route]:
    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        try:
            stall = await hub.progress.look()
        except StoreUnavailable as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, status_code=503)
        if stall is not None:
            return JSONResponse({"status": "stalled", "reason": stall.sentence}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [Route("/healthz", alive), Route("/readyz", ready)]
