"""`/why` and `/evidence`: the chain behind an amount, and the same as a signed archive."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.services.provenance.why import Chain

routes = router("Evidence")
AskedFor = Annotated[
    str, Path(max_length=300, description="Id of a commission, sale, invoice, payment, account or run.")
]
_SCOPE = "reconciliation:read"


@routes.get("/why/{asked_for:path}", summary="Explain an amount", **needs(_SCOPE, 404, 422))
async def why(hub: Hub, asked_for: AskedFor) -> Chain:
    """Invoice lines, net, event, flow version with its author, expressions and values, requests and answers, books."""
    return await hub.why.ask(asked_for)


@routes.get("/evidence/{asked_for:path}", summary="Download evidence", **needs(_SCOPE, 404, 422))
async def evidence(hub: Hub, asked_for: AskedFor) -> Response:
    """A signed zip with JSON and a readable page; `affluent evidence verify FILE` checks it offline."""
    made = await hub.evidence.pack(asked_for)
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "X-Evidence-Fingerprint": made.fingerprint,
    }
    return Response(made.content, media_type="application/zip", headers=headers)
