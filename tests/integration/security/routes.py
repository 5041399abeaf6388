"""Every route of the server with what it needs, written down by hand: a new route without a line here fails the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from starlette.routing import BaseRoute, Mount

PUBLIC = "public"
OWN = "own"
ADMIN = "admin"

WEB: dict[str, str] = {
    "GET /static/{tree}/{name:path}": PUBLIC,
    "GET /sign-in": PUBLIC,
    "POST /sign-in": PUBLIC,
    "POST /sign-in/code": PUBLIC,
    "GET /sign-in/provider": PUBLIC,
    "GET /sign-in/callback": PUBLIC,
    "POST /sign-out": PUBLIC,
    "GET /invitation/{link}": PUBLIC,
    "POST /invitation/{link}": PUBLIC,
    "GET /welcome/{link}": PUBLIC,
    "POST /welcome/{link}": PUBLIC,
    "GET /enter/{link}": PUBLIC,
    "GET /": OWN,
    "GET /home/events": OWN,
    "GET /search": OWN,
    "POST /theme": PUBLIC,
    "GET /account": OWN,
    "POST /account/name": OWN,
    "POST /account/password": OWN,
    "GET /account/second-factor": OWN,
    "POST /account/second-factor": OWN,
    "POST /account/second-factor/remove": OWN,
    "POST /account/sessions/end": OWN,
    "GET /customers": "customers:read",
    "POST /customers": "customers:write",
    "GET /customers/{customer}": "customers:read",
    "POST /customers/{customer}/accounts": "accounts:write",
    "POST /customers/{customer}/contacts": "customers:write",
    "GET /accounts/{account}": "accounts:read",
    "GET /accounts/{account}/timeline": "accounts:read",
    "GET /accounts/{account}/plans": "price_plans:read",
    "POST /accounts/{account}/plans": "price_plans:write",
    "POST /accounts/{account}/plans/detach": "price_plans:write",
    "GET /accounts/{account}/invoices": "invoices:read",
    "POST /accounts/{account}/invoices": "invoices:write",
    "POST /accounts/{account}/invoices/{invoice}/payments": "payments:write",
    "POST /accounts/{account}/invoices/{invoice}/status": "invoices:write",
    "GET /accounts/{account}/settings": "settings:read",
    "POST /accounts/{account}/settings": "settings:write",
    "POST /accounts/{account}/settings/{setting}": "settings:write",
    "POST /accounts/{account}/settings/{setting}/delete": "settings:write",
    "GET /apps": "connections:read",
    "GET /apps/{app}": "connections:read",
    "GET /apps/{app}/readme": "connections:read",
    "GET /apps/{app}/{kind}/{operation}": "connections:read",
    "POST /apps/{app}/connections": "connections:write",
    "GET /connections/{connection}": "connections:read",
    "POST /connections/{connection}/test": "connections:write",
    "POST /connections/{connection}/name": "connections:write",
    "POST /connections/{connection}/keys": "connections:write",
    "POST /connections/{connection}/limit": "connections:write",
    "POST /connections/{connection}/enable": "connections:write",
    "POST /connections/{connection}/disable": "connections:write",
    "POST /connections/{connection}/take-over": ADMIN,
    "POST /connections/{connection}/delete": "connections:write",
    "GET /flows": "flows:read",
    "POST /flows/{flow}/copy": "flows:write",
    # What leads into the editor is the developers', although it is only looked at.
    "GET /flows/new": "flows:write",
    "POST /flows/new": "flows:write",
    "GET /flows/{flow}/edit": "flows:write",
    "POST /flows/{flow}/edit": "flows:write",
    "POST /flows/{flow}/sample": "flows:write",
    "GET /flows/{flow}/preview": "flows:write",
    "POST /flows/{flow}/publish": "flows:write",
    "POST /flows/{flow}/discard": "flows:write",
    "GET /flows/{flow}": "flows:read",
    "GET /flows/{flow}/activity": "flows:read",
    "GET /flows/{flow}/connections": "flows:read",
    "GET /flows/{flow}/versions": "flows:read",
    "POST /flows/{flow}/versions/{number:int}/restore": "flows:write",
    "POST /flows/{flow}/delete": "flows:write",
    "POST /flows/{flow}/connections": "flows:write",
    "POST /flows/{flow}/connections/{link}/edit": "flows:write",
    "POST /flows/{flow}/connections/{link}/enable": "flows:write",
    "POST /flows/{flow}/connections/{link}/disable": "flows:write",
    "POST /flows/{flow}/connections/{link}/trigger": "flows:write",
    "POST /flows/{flow}/connections/{link}/rotate": "flows:write",
    "POST /flows/{flow}/connections/{link}/remove": "flows:write",
    "POST /flows/{flow}/connections/{link}/poll": "flows:write",
    "POST /flows/{flow}/connections/{link}/backfill": "flows:write",
    "GET /activity": "runs:read",
    "GET /activity/events": "runs:read",
    "GET /activity/deliveries": "runs:read",
    "GET /activity/{run}": "runs:read",
    "GET /activity/{run}/events": "runs:read",
    "POST /activity/bulk": "runs:write",
    "POST /activity/{run}/resume": "runs:write",
    "POST /activity/{run}/replay": "runs:write",
    "POST /activity/{run}/cancel": "runs:write",
    "GET /reconciliation": "reconciliation:read",
    "POST /reconciliation": "reconciliation:write",
    "GET /reconciliation/statements": "reconciliation:read",
    "GET /reconciliation/{statement}": "reconciliation:read",
    "GET /reconciliation/{statement}/events": "reconciliation:read",
    "GET /reconciliation/{statement}/export": "reconciliation:read",
    "GET /reconciliation/journal": "reconciliation:read",
    "GET /reconciliation/journal/export": "reconciliation:read",
    "GET /reconciliation/ledger": "reconciliation:read",
    "GET /reconciliation/payouts": "reconciliation:read",
    "GET /reconciliation/payouts/export": "reconciliation:read",
    "POST /reconciliation/ledger": "reconciliation:write",
    "POST /reconciliation/{statement}/lock": "reconciliation:write",
    "POST /reconciliation/{statement}/unlock": "reconciliation:write",
    "POST /reconciliation/{statement}/repair": "reconciliation:write",
    "GET /why": "reconciliation:read",
    "GET /why/{asked_for:path}": "reconciliation:read",
    "GET /evidence/{asked_for:path}": "reconciliation:read",
    "GET /identities": "identities:read",
    "GET /identities/export": "identities:read",
    "POST /identities/import": "identities:write",
    "POST /identities/merge": "identities:write",
    "GET /admin": ADMIN,
    "GET /admin/tokens": ADMIN,
    "POST /admin/tokens": ADMIN,
    "POST /admin/tokens/{token}/rotate": ADMIN,
    "POST /admin/tokens/{token}/deactivate": ADMIN,
    "POST /admin/tokens/{token}/delete": ADMIN,
    "GET /admin/users": ADMIN,
    "POST /admin/users": ADMIN,
    "GET /admin/users/{person}": ADMIN,
    "POST /admin/users/{person}/role": ADMIN,
    "POST /admin/users/{person}/link": ADMIN,
    "POST /admin/users/{person}/deactivate": ADMIN,
    "POST /admin/users/{person}/activate": ADMIN,
    "POST /admin/users/{person}/second-factor/remove": ADMIN,
    "POST /admin/users/{person}/sessions/end": ADMIN,
    "GET /admin/audit": ADMIN,
    "GET /admin/audit/export": ADMIN,
    "GET /admin/settings": ADMIN,
    "POST /admin/settings/{setting}": ADMIN,
    "POST /admin/settings/{setting}/reset": ADMIN,
}

SERVER: dict[str, str] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,  # a token of its own decides, see the setting metrics_token
    "POST /hooks/{flow_connection}/{token}": PUBLIC,  # its token and the vendor's signature decide
    "GET /api/v1/openapi.json": PUBLIC,
    "GET /api/v1/": PUBLIC,
    "GET /api/v1/style.css": PUBLIC,
}

API: dict[str, Sequence[str]] = {
    "apps:read": ["GET /apps", "GET /apps/{key}"],
    "connections:read": [
        "GET /connections",
        "GET /connections/{connection_id}",
        "GET /connections/{connection_id}/health",
    ],
    "connections:write": [
        "POST /connections",
        "PATCH /connections/{connection_id}",
        "DELETE /connections/{connection_id}",
        "POST /connections/{connection_id}/test",
        "POST /connections/{connection_id}/disable",
        "POST /connections/{connection_id}/enable",
    ],
    "tokens:read": ["GET /tokens", "GET /tokens/{token_id}"],
    "tokens:write": [
        "POST /tokens",
        "POST /tokens/{token_id}/deactivate",
        "POST /tokens/{token_id}/rotate",
        "DELETE /tokens/{token_id}",
    ],
    "audit:read": ["GET /audit", "GET /audit/verdict"],
    "users:read": ["GET /users", "GET /users/{user_id}"],
    "users:write": [
        "POST /users",
        "PATCH /users/{user_id}",
        "POST /users/{user_id}/activate",
        "POST /users/{user_id}/deactivate",
        "POST /users/{user_id}/link",
    ],
    "options:read": ["GET /settings"],
    "options:write": ["PUT /settings/{name}", "DELETE /settings/{name}"],
}
ONLY_READS = (
    "POST /api/v1/flows/validate",
    "POST /api/v1/flows/{flow_id}/preview",
    "POST /api/v1/runs/forecast",
    "POST /api/v1/reconciliation/{statement_id}/repair/preview",
)
"""Sent with a body, although nothing is changed by them."""


def found(routes: Sequence[BaseRoute], base: str = "") -> Iterator[str]:
    """Every route as "METHOD /path"."""
    for route in routes:
        if isinstance(route, Mount):
            yield from found(route.routes, base + route.path)
            continue
        included: Any = getattr(route, "effective_candidates", None)
        if included is not None:
            yield from found(included(), base)
            continue
        some: Any = route
        for method in sorted(set(some.methods or ()) - {"HEAD"}):
            yield f"{method} {base}{some.path}"
