"""What path and body cannot say of Togai: its refusals, its pages, its numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from affluent.apps.togai.schemas import Credentials
from affluent.kit.jsons import JSONObject, JSONValue, dumps, text_of
from affluent.kit.money import Money, MoneyError
from affluent.kit.numbers import exact, shown
from affluent.sdk import AppError, AuthFailed, Context, Misconfigured, Rejected, Response, Unavailable
from affluent.sdk.http import message_of

Ctx = Context[Credentials]
_MOST_PAGES = 100
_PAGE = 50
_NOT_TOGAI = "This address does not answer like Togai's API. Check the base URL; empty is this server's own workspace."


def refused(response: Response) -> AppError:
    """401 and 403: the key is wrong, or its token may not do this; Togai's message then names the missing scope."""
    said = message_of(response).rstrip(" .")
    return AuthFailed(
        f"Togai refused the secret key ({response.status}): {said}. Take a key of an active API token that may do this.",
        field="secret_key",
        status=response.status,
    )


def not_found(response: Response) -> AppError:
    """404: no such record when Togai says so in JSON, else the address is not Togai's."""
    if _says(response):
        return Rejected(f"Togai answered 404: {message_of(response)}", status=404)
    return Misconfigured(_NOT_TOGAI, field="base_url", status=404)


def misplaced(response: Response) -> AppError:
    """A redirect, a method that Togai would allow, a list that it always has: the address is not Togai's."""
    return Misconfigured(_NOT_TOGAI, field="base_url", status=response.status)


FAULTS = {401: refused, 403: refused, 404: not_found, **dict.fromkeys((301, 302, 303, 307, 308, 405), misplaced)}


def at(*parts: str) -> str:
    """The path of these parts, each quoted: /accounts/A%2F1 of "accounts" and "A/1"."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def document(response: Response) -> JSONObject:
    """The answer as a JSON object. Anything else says nothing: it was cut off, or came from something on the way."""
    said = response.json()
    if not isinstance(said, dict):
        raise Unavailable("Togai's answer could not be read: it broke off or is not its JSON.", status=response.status)
    return said


async def read(ctx: Ctx, path: str, **query: str | int) -> JSONObject:
    """One record."""
    return document(await ctx.http.request("GET", path, query=query))


async def pages(ctx: Ctx, path: str, **query: str | int) -> AsyncIterator[JSONObject]:
    """Every record of a list. A page may be empty and still not be the last."""
    token = ""
    for _ in range(_MOST_PAGES):
        given = {"nextToken": token} if token else {}
        page = await read(ctx, path, pageSize=_PAGE, **query, **given)
        for item in page.get("data") or []:
            yield item
        token = page.get("nextToken") or ""
        if not token:
            return
    raise Rejected(f"Togai's list {path} does not end after {_MOST_PAGES} pages.")


def major(value: Any, currency: str) -> str:  # noqa: ANN401 - a JSON number
    """A JSON number as decimal text with the currency's own decimals; unchanged when the currency is unknown."""
    if value is None:
        return ""
    amount = number(value)
    try:
        return str(Money.rounded(amount, currency).major)
    except MoneyError:
        return format(amount, "f")


def number(value: Any) -> Decimal:  # noqa: ANN401 - a JSON value
    """A JSON number, or its text, exactly; null is 0. Raises Rejected for anything else."""
    amount = exact(str(value)) if isinstance(value, float) else exact(Decimal() if value is None else value)
    if amount is None:
        raise Rejected(f"Togai's answer has {shown(value)} where an amount belongs; correct it in Togai.")
    return amount


def plain(value: JSONValue) -> str:
    """The value of a setting or of metadata as text: what is no text is shown as the JSON it is, null is empty."""
    return dumps(value) if isinstance(value, (bool, list, dict)) else text_of(value)


def _says(response: Response) -> bool:
    said = response.json()
    return isinstance(said, dict) and isinstance(said.get("message"), str)
