"""`affluent twins`: every vendor's stand-in on one port."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from affluent.sdk.twin import Twin


def hush() -> None:
    """Keep the server from complaining of answers that a twin drops on purpose; once the servers have started."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


def twins_application(twins: Sequence[Twin]) -> Starlette:
    """All twins, each under its key."""

    async def index(_request: Request) -> Response:
        return JSONResponse({"twins": {twin.key: f"/{twin.key}" for twin in twins}})

    return Starlette(routes=[Route("/", index), *(Mount(f"/{twin.key}", twin.application()) for twin in twins)])
