"""Errors as RFC 9457 problems: what was wrong, in words, with the fields to blame; never a traceback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from affluent.api.methods import allowed
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.services.errors import Invalid, ServiceError
from affluent.services.validation import Problems, dotted, plain
from affluent.store.database import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
_URN = "urn:affluent:problem:"
_CODES = {
    400: "bad_request",
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "not_json",
    422: "invalid",
    500: "defect",
    503: "unavailable",
}
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Names of statuses that differ between versions of Python."""


class FieldProblem(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(description="Dotted path of the field; empty: the request as a whole.", examples=["fields.key"])
    message: str = Field(description="What is wrong, and what to do.", examples=["This field is required."])


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str = Field(description="Kind of the problem.", examples=["urn:affluent:problem:invalid"])
    title: str = Field(description="The HTTP status in words.", examples=["Unprocessable Content"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What happened and what to do.", examples=["This field is required."])
    instance: str = Field(description="Path of the request.", examples=["/api/v1/connections"])
    code: str = Field(description="Kind of the problem in one word, for programs.", examples=["invalid"])
    field: str = Field("", description="The first field to blame; empty: none.", examples=["fields.key"])
    problems: list[FieldProblem] = Field(default_factory=list, description="All fields to blame.")


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str = "",
    fields: Problems | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for an error."""
    code = code or _CODES.get(status, "error")
    blamed = [(field, message) for field, message in fields or () if field]
    document: JSONObject = {
        "type": _URN + code,
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "field": blamed[0][0] if blamed else "",
        "problems": [{"field": field, "message": message} for field, message in blamed],
    }
    extra = {"Cache-Control": "no-store", **(headers or {})}
    return Response(dumps(document), status_code=status, media_type=MEDIA_TYPE, headers=extra)


def explain_errors(app: FastAPI) -> None:
    """Answer every error of an application as a problem."""
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreUnavailable, _unavailable)


def defect(request: Request) -> Response:
    """The answer when it is our fault."""
    return problem(request, 500, "Something went wrong here; it was logged. Nothing you sent is to blame.")


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ServiceError):
        raise error
    fields = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    headers = {"WWW-Authenticate": 'Bearer realm="affluent"'} if error.status == 401 else {}
    return problem(request, error.status, error.message, code=error.code, fields=fields, headers=headers)


async def _misread(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    details: Sequence[JSONValue] = error.errors()
    if isinstance(error.body, bytes):
        return problem(request, 415, "Send the body as JSON, with Content-Type: application/json.")
    fields = [(_field(detail), plain(detail)) for detail in details]
    first = fields[0]
    message = f"{first[0]}: {first[1]}" if first[0] else first[1]
    return problem(request, 422, message, fields=fields)


def _field(detail: JSONValue) -> str:
    """The field without the place of the request in which it stood."""
    location = tuple(detail["loc"])
    return dotted(location[1:] if location and location[0] in ("body", "query", "path", "header") else location)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail, headers = error.detail, error.headers
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        headers = {"Allow": allowed(request)}
        detail = f"{request.method} is not possible here; possible: {headers['Allow']}."
    return problem(request, error.status_code, detail, headers=headers)


async def _unavailable(request: Request, _error: Exception) -> Response:
    detail = "The database cannot be reached right now. Nothing was changed; try again."
    return problem(request, 503, detail, headers={"Retry-After": "1"})
