"""Customers as the interface shows them: those of other systems, and what was synced for an account.

Customers of this server's own billing workspace are in its Togai dialect.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit, Search
from affluent.services.directory.directory_sync import SyncedCustomer
from affluent.services.directory.timeline import Happening
from affluent.services.paging import Page

routes = router("Customers")
OfConnection = Annotated[str, Query(max_length=60, description="Empty: the connection that saw it last.")]


@routes.get("/mirror/customers", summary="List customers of other systems", **needs("customers:read", 422))
async def find(hub: Hub, search: Search = "", limit: Limit = 50, after: After = "") -> Page[SyncedCustomer]:
    """As they were last seen there, newest first, with their first accounts."""
    return await hub.mirror.find(search=search, limit=limit, after=after)


@routes.get(
    "/mirror/customers/{customer_id}", summary="Show a customer of another system", **needs("customers:read", 404, 422)
)
async def show(hub: Hub, customer_id: str, connection_id: OfConnection = "") -> SyncedCustomer:
    """With all accounts; of the connection that is named, or of the one that saw it last."""
    return await hub.mirror.customer(customer_id, connection_id)


@routes.get(
    "/accounts/{account_id}/timeline", summary="List what was synced for an account", **needs("runs:read", 404, 422)
)
async def timeline(hub: Hub, account_id: str, limit: Limit = 25, after: After = "") -> Page[Happening]:
    """Its events with the runs that they started, newest first. The account's ids elsewhere are at `/identities`."""
    return await hub.syncs.timeline(account_id, limit=limit, before=after)
