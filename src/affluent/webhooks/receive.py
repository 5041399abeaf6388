"""`POST /hooks/{flow_connection}/{token}`: a plain route, because every millisecond counts here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from affluent.kit.jsons import dumps
from affluent.services.hooks import Answer, Hooks
from affluent.store.database import StoreUnavailable


def hook_routes(hooks: Hooks, *, max_body_bytes: int) -> list[Route]:
    """The routes of all webhooks."""

    async def receive(request: Request) -> Response:
        body, is_whole = await _body(request, max_body_bytes)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        parameters = request.path_params
        try:
            if is_whole:
                answer = await hooks.receive(parameters["flow_connection"], parameters["token"], body, headers)
            else:
                answer = await hooks.refuse_too_large(parameters["flow_connection"], body, headers, max_body_bytes)
        except StoreUnavailable:
            # Not stored, so not acknowledged: the vendor sends it again.
            answer = Answer(status=503, body={"message": "The event could not be stored right now; send it again."})
        return _say(answer)

    return [Route("/hooks/{flow_connection}/{token}", receive, methods=["POST"])]


async def _body(request: Request, largest: int) -> tuple[bytes, bool]:
    """The raw body, and whether this is all of it: a larger one is not read further than needed to know."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        return b"", False
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        chunks.append(chunk)
        if size > largest:
            return b"".join(chunks)[:largest], False
    return b"".join(chunks), True


def _say(answer: Answer) -> Response:
    return Response(dumps(answer.body), status_code=answer.status, media_type="application/json")
