"""Routes of the dialect: token and scope first, bodies read exactly, every refusal as {"message"}."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from affluent.api.togai.paging import Paging, paging
from affluent.billing.errors import BillingError, Refused
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, dumps, loads
from affluent.kit.logs import logger
from affluent.kit.numbers import exact
from affluent.services.errors import ServiceError, Unauthorised
from affluent.services.identity.tokens import TokenView
from affluent.services.validation import problems_of
from affluent.store.database import StoreUnavailable

Authorise = Callable[[str, str], Awaitable[TokenView]]
"""(secret, scope) → the token; raises Unauthorised or Forbidden."""
B = TypeVar("B", bound=BaseModel)
_log = logger("billing")
_LARGEST_BODY = 1_000_000
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose caller may make it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    author: str
    """Id of the caller's token."""

    def body(self, model: type[B]) -> B:
        """The body as this model; raises Refused naming every field to blame."""
        try:
            return model.model_validate(_exact(self.content))
        except ValidationError as error:
            problems = [f"{field}: {message}" if field else message for field, message in problems_of(error)]
            raise Refused(" ".join(dict.fromkeys(problems))) from error

    def paging(self, *filters: str, usual: int = 20, most: int = 100) -> Paging:
        """Which page is asked for."""
        return paging(self.query, *filters, usual=usual, most=most)

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; absent, false. Raises Refused naming it."""
        value = self.query.get(name, "false").lower()
        if value not in ("true", "false"):
            raise Refused("Must be true or false.", field=name)
        return value == "true"

    def whole(self, name: str) -> int | None:
        """A parameter that is a whole number; raises Refused naming it."""
        text = self.query.get(name, "")
        if not text:
            return None
        digits = text.removesuffix(".0")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 14):
            raise Refused("Must be a whole number.", field=name)
        return int(digits)


Act = Callable[[Call], Awaitable[JSONValue]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One call of the dialect."""

    method: str
    path: str
    scope: str
    act: Act
    status: int = 200


def routes(rules: list[Rule], authorise: Authorise) -> list[Route]:
    """The rules as routes."""
    return [Route(rule.path, _endpoint(rule, authorise), methods=[rule.method]) for rule in rules]


def say(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the dialect's shape."""
    short = message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"
    return _answer({"message": short}, status, headers)


def secret_of(request: Request) -> str:
    """The bearer token of a request; raises Unauthorised."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorised(
            "Send an API token: Authorization: Bearer aff_… Generate one under Admin Center, API tokens."
        )
    return secret.strip()


async def guarded(request: Request, act: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of an act, or its refusal; a defect of ours is logged and told without a detail."""
    try:
        return await act()
    except BillingError as error:
        return say(error.status, error.message)
    except Unauthorised as error:
        return say(error.status, error.message, {"WWW-Authenticate": 'Bearer realm="affluent"'})
    except ServiceError as error:
        return say(error.status, error.message)
    except StoreUnavailable:
        return say(
            503, "The database cannot be reached right now. Nothing was changed; try again.", {"Retry-After": "1"}
        )
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - the last one between a defect and the caller
        _log.exception("a request failed by a defect", path=request.url.path, method=request.method)
        return say(500, "Something went wrong here; it was logged. Nothing you sent is to blame.")


def _endpoint(rule: Rule, authorise: Authorise) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        async def act() -> Response:
            token = await authorise(secret_of(request), rule.scope)
            query, path = dict(request.query_params), request.path_params
            if "\x00" in "".join([*query.values(), *path.values()]):
                raise Refused("The address must not contain the character U+0000.")
            call = Call(path, query, await _content(request), token.id)
            return _answer(await rule.act(call), rule.status)

        return await guarded(request, act)

    return endpoint


def _answer(value: JSONValue, status: int, headers: Mapping[str, str] | None = None) -> Response:
    fixed = {"Cache-Control": "no-store", **(headers or {})}
    return Response(dumps(value), status_code=status, media_type="application/json", headers=fixed)


async def _content(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise HTTPException(413, f"The body is larger than {_LARGEST_BODY} bytes.")
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise HTTPException(400, "The request ended before its body did.") from error
    return b"".join(chunks)


def _number(text: str) -> Decimal:
    number = exact(text)
    if number is None:
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    return int(_number(text))


def _exact(content: bytes) -> JSONObject:
    """The JSON object of a body, its decimals exact."""
    if not content.strip():
        raise Refused("Send a JSON object.")
    if rb"\u0000" in content or b"\x00" in content:
        raise Refused("The body must not contain the character U+0000.")
    try:
        loads(content)  # the strict parser: no NaN, no lone surrogate, not nested without end
        found: Any = json.loads(content, parse_float=_number, parse_int=_whole)
    except (InvalidJSON, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, InvalidJSON) else "a number in it is too long"
        raise Refused(f"The body is not JSON: {reason}.") from error
    if not isinstance(found, dict):
        raise Refused("The body must be a JSON object.")
    return found
