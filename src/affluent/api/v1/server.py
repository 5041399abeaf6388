"""`/settings` and `/ledger`: this server itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict, Field

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.api.v1.schemas import Sent
from affluent.services.operations.server_settings import Option
from affluent.services.paging import Page
from affluent.services.provenance.ledger_verification import Verification, read_heads

routes = router("Server")
Heads = Annotated[
    list[str],
    Query(
        alias="head", max_length=50, description="chain=hash that an earlier verification said; must still be there."
    ),
]


class NewValue(Sent):
    """What a setting shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "60"}]})
    value: str = Field(max_length=2_000, description="By the same rules as the setting's variable.")


@routes.get("/settings", summary="List settings", **needs("options:read"))
async def find(hub: Hub) -> Page[Option]:
    """Every setting of the server, where its value comes from and whether it can be changed here. Secrets are empty."""
    return Page(items=await hub.options.list())


@routes.put("/settings/{name}", summary="Change a setting", **needs("options:write", 404, 409, 413, 422))
async def change(hub: Hub, name: str, body: NewValue) -> Option:
    """It holds in every process within seconds. What the server's environment sets cannot be changed here."""
    return await hub.options.change(name, body.value)


@routes.delete("/settings/{name}", summary="Take a setting's default", **needs("options:write", 404, 409))
async def reset(hub: Hub, name: str) -> Option:
    """Forget what was changed here."""
    return await hub.options.reset(name)


@routes.get("/ledger/verdict", summary="Verify the ledger", **needs("reconciliation:read", 422))
async def verify(hub: Hub, heads: Heads = []) -> Verification:  # noqa: B006 - FastAPI copies it for each request
    """Recompute every chain and compare every row. Nothing was altered when `problem_count` is 0; keep `heads` elsewhere."""
    return await hub.ledgers.verify(read_heads(heads))
