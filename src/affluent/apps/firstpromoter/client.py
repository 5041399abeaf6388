"""What path and body cannot say: two API versions with their own addresses, headers and request forms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlencode

from pydantic import BaseModel

from affluent.apps.firstpromoter.schemas import Credentials
from affluent.kit.jsons import JSONObject, JSONValue, kind_of, text_of
from affluent.sdk import (
    AppError,
    AuthFailed,
    Context,
    Misconfigured,
    NotReferred,
    Rejected,
    Response,
    Unavailable,
)
from affluent.sdk.http import Faults, message_of

V1 = "https://firstpromoter.com/api/v1"
V2 = "https://api.firstpromoter.com/api/v2"
LARGEST_PAGE = 100

Query = Mapping[str, str | int | list[str]]
Ctx = Context[Credentials]


def is_v2(credentials: Credentials) -> bool:
    """Whether the connection speaks API v2: it does when it has an Account ID."""
    return bool(credentials.account_id)


def base_url(credentials: Credentials, _server_url: str) -> str:
    """The address that paths are joined to."""
    return credentials.base_url or (V2 if is_v2(credentials) else V1)


def headers(credentials: Credentials) -> Mapping[str, str]:
    """The headers that carry the credentials."""
    key = credentials.api_key.get_secret_value()
    if is_v2(credentials):
        return {"Authorization": f"Bearer {key}", "Account-ID": credentials.account_id, "Accept": "application/json"}
    return {"X-API-KEY": key, "Accept": "application/json"}


def filled(fields: JSONObject) -> JSONObject:
    """The fields without those that were left empty; false and 0 say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def given(model: BaseModel, *, exclude: Collection[str] = ()) -> JSONObject:
    """The filled fields of an input. What is off by default is sent only where a flow says so."""
    fields = model.model_dump(exclude=set(exclude)).items()
    return filled({name: value for name, value in fields if value is not False or name in model.model_fields_set})


async def send(
    ctx: Ctx, method: str, path: str, fields: JSONObject, *, faults: Faults | None = None, is_read: bool | None = None
) -> Response:
    """Send fields as the version wants them: JSON in v2, a form in v1."""
    if is_v2(ctx.credentials):
        return await ctx.http.request(method, path, json=fields, faults=faults, is_read=is_read)
    return await ctx.http.request(method, path, form=form(fields), faults=faults, is_read=is_read)


def form(fields: JSONObject) -> dict[str, str]:
    """Fields as form pairs: objects as name[key], truth as true and false."""
    pairs: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            pairs |= {f"{name}[{key}]": _text(f"{name}.{key}", item) for key, item in value.items()}
        else:
            pairs[name] = _text(name, value)
    return pairs


def with_query(path: str, query: Mapping[str, str]) -> str:
    """The path with query parameters."""
    return f"{path}?{urlencode(query)}" if query else path


def document(response: Response, *, lost: type[AppError] = Unavailable) -> JSONObject:
    """The answer as a JSON object. Anything else says nothing: it was cut off, or came from something on the way."""
    body = response.json()
    if isinstance(body, dict):
        return body
    raise unreadable(response, lost)


def rows(response: Response) -> list[JSONObject]:
    """The items of a list: v2 and v1 answer bare arrays, promoters come as {data: [...]}."""
    body = response.json()
    found = body.get("data") if isinstance(body, dict) else body
    if not isinstance(found, list):
        raise unreadable(response)
    return [item for item in found if isinstance(item, dict)]


def needs_v2(ctx: Ctx, what: str) -> None:
    """Refuse what the legacy API cannot do."""
    if not is_v2(ctx.credentials):
        raise Rejected(f"{what} needs API v2: add the Account ID and a v2 key to this connection.")


def refused_key(response: Response) -> AppError:
    """401 comes without a body."""
    return AuthFailed(
        f"FirstPromoter refused the API key ({response.status}). Check the key, and that it belongs to this API version:"
        " a v2 key needs the Account ID, a legacy key must not have one.",
        field="api_key",
        status=response.status,
    )


def forbidden(response: Response) -> AppError:
    """403: the key is known, but not for this account."""
    return AuthFailed(
        f"FirstPromoter does not let this key in ({response.status}: {message_of(response)}). Check the Account ID and the key.",
        field="account_id",
        status=response.status,
    )


def wrong_address(response: Response) -> AppError:
    """A redirect, or an answer that is not the API's."""
    return Misconfigured(
        f"FirstPromoter's API is not at this address: it answered {response.status} with {message_of(response)}."
        " Check the base URL of this connection.",
        field="base_url",
        status=response.status,
    )


def not_referred(response: Response) -> AppError:
    """204, or 404 with the documented JSON: a normal outcome. Any other 404 means a wrong address."""
    if is_cut_off(response):
        return unreadable(response)
    if response.status == 404 and not said(response):
        return wrong_address(response)
    reason = f" FirstPromoter says: {said(response)}" if said(response) else ""
    return NotReferred(
        f"Not referred: FirstPromoter has no active referral for this customer.{reason}", status=response.status
    )


def said(response: Response) -> str:
    """The message of an error as both versions write it; empty when the answer is not the API's."""
    body = response.json()
    if not isinstance(body, dict):
        return ""
    text = body.get("message") or body.get("error")
    return text if isinstance(text, str) else ""


def has_key(response: Response, key: str) -> bool:
    """Whether the answer is a JSON object with this key."""
    body: JSONValue = response.json()
    return isinstance(body, dict) and key in body


def is_cut_off(response: Response) -> bool:
    """Whether only a part of a JSON answer came: it says nothing of our data."""
    return "json" in response.headers.get("content-type", "") and bool(response.text()) and response.json() is None


def unreadable(response: Response, lost: type[AppError] = Unavailable) -> AppError:
    """The error of an answer that is not the documented JSON; it is about this attempt and not about the connection."""
    return lost(
        "The answer of FirstPromoter is not the documented JSON; it may have been cut off.", status=response.status
    )


def _text(name: str, value: JSONValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        raise Rejected(
            f"{name}: {kind_of(value)} cannot be sent to the legacy API; give a text or a number.", field=name
        )
    return text_of(value)
