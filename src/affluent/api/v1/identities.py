"""`/identities`: the id map."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub, Limit
from affluent.services.errors import Invalid
from affluent.services.identities import IdentityView
from affluent.services.pages import Page

routes = router("Identities")
Exactly = Annotated[str, Query(max_length=300, description="Empty matches all.")]


@routes.get("/identities", summary="Look up ids", **needs("identities:read", 422))
async def find(
    hub: Hub, account_id: Exactly = "", external_id: Exactly = "", app: Exactly = "", limit: Limit = 50
) -> Page[IdentityView]:
    """Every system's id of an account, or the account of a system's id."""
    if not account_id and not external_id:
        raise Invalid("Name an account_id or an external_id.", field="account_id")
    found = await hub.identities.find(account_id=account_id, external_id=external_id, app=app, limit=limit)
    return Page(items=tuple(found))
