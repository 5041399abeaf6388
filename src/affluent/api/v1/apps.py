"""`/apps`: what can be integrated."""

from __future__ import annotations

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub, Search
from affluent.services.connections.apps import AppDetail, AppView, app_detail, apps, broken_apps
from affluent.services.paging import Page

routes = router("Apps")


@routes.get("/apps", summary="List apps", **needs("apps:read", 422))
async def find(hub: Hub, search: Search = "") -> Page[AppView]:
    """All apps of the catalogue, by title; last those that are installed and cannot be used, each with its `error`."""
    return Page(items=(*apps(hub.catalog, search), *broken_apps(hub.catalog, search)))


@routes.get("/apps/{key}", summary="Show an app", **needs("apps:read", 404))
async def show(hub: Hub, key: str) -> AppDetail:
    """Credentials, triggers and actions, with JSON Schemas and samples."""
    return app_detail(hub.catalog, key)
