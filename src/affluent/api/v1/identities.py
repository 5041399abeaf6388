"""`/identities`: the id map."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict, Field
from starlette.responses import PlainTextResponse

from affluent.api.auth import Caller
from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub, Limit
from affluent.api.v1.schemas import Done, Sent
from affluent.services.directory.identities import IdentityView
from affluent.services.directory.identity_map import IdentityConflict
from affluent.services.errors import Invalid
from affluent.services.paging import Page

routes = router("Identities")
Exactly = Annotated[str, Query(max_length=300, description="Empty matches all.")]


@routes.get("/identities", summary="Look up ids", **needs("identities:read", 422))
async def find(
    hub: Hub, account_id: Exactly = "", external_id: Exactly = "", app: Exactly = "", limit: Limit = 50
) -> Page[IdentityView]:
    """Every system's id of an account, or the account of a system's id."""
    if not account_id and not external_id:
        raise Invalid("Name an account_id or an external_id.", field="account_id")
    identities = await hub.identities.find(account_id=account_id, external_id=external_id, app=app, limit=limit)
    return Page(items=tuple(identities))


class Merge(Sent):
    """Whose id it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"app": "firstpromoter", "kind": "referral", "external_id": "29203686", "account_id": "ACC-1"}]
        }
    )
    app: str = Field(max_length=100)
    kind: str = Field(max_length=100)
    external_id: str = Field(max_length=300)
    account_id: str = Field(max_length=300)


class MapFile(Sent):
    """The map as a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"csv": "account_id,app,kind,external_id\r\nACC-1,razorpay,customer,cust_1\r\n"}]
        }
    )
    csv: str = Field(description="First line: the columns account_id, app or connection_id, kind, external_id.")


@routes.get("/identities/conflicts", summary="List conflicts", **needs("identities:read"))
async def conflicts(hub: Hub) -> Page[IdentityConflict]:
    """Ids of vendors that stand for several accounts."""
    return Page(items=tuple(await hub.identity_map.conflicts()))


@routes.post("/identities/merge", summary="Settle a conflict", **needs("identities:write", 404, 413, 422))
async def merge(hub: Hub, caller: Caller, body: Merge) -> IdentityConflict:
    """The id belongs to this account; the others lose it."""
    return await hub.identity_map.merge(**body.model_dump(), author=caller.name)


@routes.get("/identities/export", summary="Export the map", **needs("identities:read", files=("text/csv",)))
async def export(hub: Hub) -> PlainTextResponse:
    """As CSV."""
    headers = {"Content-Disposition": 'attachment; filename="identities.csv"'}
    return PlainTextResponse(await hub.identity_map.export(), media_type="text/csv", headers=headers)


@routes.post("/identities/import", summary="Import a map", **needs("identities:write", 413, 422))
async def take(hub: Hub, caller: Caller, body: MapFile) -> Done:
    """All lines, or none; every wrong line is named."""
    return Done(count=await hub.identity_map.take(body.csv, author=caller.name))
