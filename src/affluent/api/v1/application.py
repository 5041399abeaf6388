"""The REST API as one application, with its description."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from affluent.api.problems import Problem, explain_errors
from affluent.api.routing import Bounded
from affluent.api.v1 import (
    apps,
    audit,
    connections,
    customers,
    events,
    evidence,
    flow_connections,
    flows,
    identities,
    journal,
    payouts,
    reconciliation,
    runs,
    server,
    tokens,
    users,
)
from affluent.api.v1 import background_jobs as duties
from affluent.api.v1.examples import EXAMPLES
from affluent.api.v1.hub import Services
from affluent.api.v1.page import page_routes
from affluent.kit.jsons import JSONObject

_ROUTERS = (
    apps.routes,
    connections.routes,
    flows.routes,
    flow_connections.routes,
    duties.routes,
    events.routes,
    runs.routes,
    customers.routes,
    identities.routes,
    reconciliation.routes,
    payouts.routes,
    journal.routes,
    evidence.routes,
    tokens.routes,
    users.routes,
    audit.routes,
    server.routes,
)
_TITLE = "Affluent API"
_ABOUT = (
    "Everything the interface can do. Send an API token as Authorization: Bearer aff_…; each operation names the scope it "
    "needs. Lists are pages: pass next of one page as after for the following. Errors are problems as RFC 9457 describes "
    "them, and name the fields to blame. Times are ISO 8601 in UTC, money is whole minor units with a currency."
)


def api(hub: Services) -> FastAPI:
    """The application to mount at /api/v1."""
    app = FastAPI(
        title=_TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}".lower().replace(" ", "_"),
    )
    app.state.hub = hub
    for router in _ROUTERS:
        app.include_router(router)
    operations = tuple(app.routes)
    document = cache(lambda: _document(operations))  # not needed to start
    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to replace the description
    app.include_router(page_routes(document))
    explain_errors(app)
    app.add_middleware(Bounded, max_body_bytes=hub.settings.max_body_bytes)
    return app


def _document(routes: Sequence[BaseRoute]) -> JSONObject:
    document: dict[str, Any] = get_openapi(
        title=_TITLE,
        version=version("affluent"),
        description=_ABOUT,
        routes=routes,
        servers=[{"url": "/api/v1"}],
    )
    schemas = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update({**schemas.pop("$defs", {}), "Problem": schemas})
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token; see Admin Center, API tokens."}
    }
    for name, examples in EXAMPLES.items():
        components["schemas"][name]["examples"] = examples
    for operations in document["paths"].values():
        for operation in operations.values():
            # FastAPI documents its own form of a 422 where a route names none; ours has another.
            refusal = operation["responses"].get("422", {})
            if "application/json" in refusal.get("content", {}):
                del operation["responses"]["422"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return document
