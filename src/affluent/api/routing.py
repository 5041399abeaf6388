"""Routes that check the token first, read JSON strictly, and never let a traceback out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affluent.api.auth import authorise
from affluent.api.problems import MEDIA_TYPE, defect, problem
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, loads
from affluent.kit.logs import logger
from affluent.kit.numbers import whole
from affluent.services.errors import ServiceError
from affluent.store.database import StoreUnavailable

_log = logger("api")
SCOPE = "x-scope"
_ERRORS = {
    400: "The request cannot be read: it is not HTTP, not JSON, or has characters that no text has.",
    401: "There is no token, or it is not known, expired or deactivated.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    409: "It is there already, in use, or was changed meanwhile.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "An input is wrong; every field to blame is named.",
    429: "Too many requests from this address or with this token; Retry-After says when to go on.",
    503: "The database cannot be reached; nothing was changed.",
}


def needs(scope: str, *errors: int, files: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a route says of itself: the scope it needs and the errors it may answer, for `@router.get(…, **needs(…))`.

    `files` are the media types of a route that answers with something else than JSON.
    """
    extra: dict[str, Any] = {"security": [{"token": [scope]}], SCOPE: scope}
    if files:
        content = {kind: {"schema": {"type": "string"}} for kind in files}
        extra["responses"] = {"200": {"content": content}}
    documented = {status: _documented(_ERRORS[status]) for status in (400, 401, 403, *errors, 429, 503)}
    documented[400]["content"]["text/plain"] = {"schema": {"type": "string"}}  # before it is known to be for the API
    if 413 in errors:
        documented[415] = _documented(_ERRORS[415])
    return {"openapi_extra": extra, "responses": documented}


def _documented(description: str) -> JSONObject:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


class StrictRequest(Request):
    """A request whose JSON is read by our own parser: no NaN, no lone surrogates, not nested without end."""

    async def json(self) -> JSONValue:
        body = await self.body()
        if rb"\u0000" in body:
            raise HTTPException(422, "The body must not contain the character U+0000.")
        try:
            return loads(body)
        except InvalidJSON as error:
            raise HTTPException(400, f"The body is not JSON: {error}.") from error


class ApiRoute(APIRoute):
    """A route of the API."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the checks."""
        handle = super().get_route_handler()
        scope = (self.openapi_extra or {}).get(SCOPE, "")

        async def checked(request: Request) -> Response:
            try:
                if scope:
                    request.state.token = await authorise(request, request.app.state.hub.tokens, scope)
                response = await handle(StrictRequest(request.scope, request.receive))
            except (ServiceError, RequestValidationError, HTTPException, StoreUnavailable, ClientDisconnect):
                raise
            except Exception:  # noqa: BLE001 - the last one between a defect and the caller
                _log.exception("a request failed by a defect", path=request.url.path, method=request.method)
                return defect(request)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return checked


def router(tag: str) -> APIRouter:
    """A router of one noun."""
    return APIRouter(tags=[tag], route_class=ApiRoute)


class Bounded:
    """Refuses what no route should see: bodies that are too large, and NUL in an address."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._most = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _refusal(self, scope: Scope) -> Response | None:
        declared = whole(Headers(scope=scope).get("content-length", ""), digits=18)
        if declared is not None and declared > self._most:
            return problem(Request(scope), 413, self._too_large())
        if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
            return problem(Request(scope), 422, "The address must not contain the character U+0000.")
        return None

    def _counted(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise HTTPException(413, self._too_large())
            return message

        return counted

    def _too_large(self) -> str:
        return f"The body is larger than {self._most} bytes."
