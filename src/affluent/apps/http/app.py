"""HTTP: one request to any API, with or without a connection that holds its secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from affluent.apps.http.schemas import Answer, Api, Request, Scalar
from affluent.kit.jsons import InvalidJSON, loads
from affluent.sdk import FOREVER, App, Category, Context, Effect, Rejected, Response

_KEPT_HEADERS = 50
_READS = ("GET", "HEAD")


def _headers(api: Api) -> Mapping[str, str]:
    return {api.header: api.secret.get_secret_value()} if api.secret is not None else {}


app = App(
    key="http",
    title="HTTP",
    description="Send a request to any HTTP API and use its answer.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    credentials=Api,
    needs_connection=False,
    base_url=lambda api, _server_url: str(api.base_url),
    headers=_headers,
    glyph="globe",
    key_help="Take the secret from the API's own documentation. Requests without a secret need no connection.",
)


def _answered(_response: Response) -> None:
    """Whatever an API says to a request for its base URL, it is there; only 401 and 403 speak of the secret."""


@app.test
async def test(ctx: Context[Api]) -> str:
    """Read the base URL: 401 and 403 mean a wrong secret, any other answer that somebody is there."""
    anything = dict.fromkeys((status for status in range(300, 600) if status not in (401, 403)), _answered)
    answer = await ctx.http.request("GET", str(ctx.credentials.base_url), faults=anything)
    return f"The API answers (with {answer.status})."


@app.action(
    "request",
    title="Send an HTTP request",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="request.json",
    key_lasts=lambda wanted: FOREVER if wanted.method in _READS else timedelta(hours=wanted.key_lasts_hours),
    keeps_failures=lambda wanted: wanted.is_failure_repeated,
    answers={
        "2xx": "Done",
        "408, 429, 5xx": "Sent again later with the same key",
        "no answer for longer than the key lasts": "Unknown: not sent again by itself",
        "other": "Failed; resume when mended",
    },
)
async def request(ctx: Context[Api], wanted: Request) -> Answer:
    """Send one request and hand on the answer. Repeats carry the same Idempotency-Key, so that the API applies it once."""
    api: Api | None = ctx.credentials
    if api is None and not wanted.url.startswith(("http://", "https://")):
        raise Rejected(f"{wanted.url!r} is no whole URL; a path alone needs an HTTP connection.", field="url")
    headers = {name: str(_plain(value)) for name, value in wanted.headers.items()}
    if wanted.method not in _READS and "idempotency-key" not in {name.lower() for name in headers}:
        headers["Idempotency-Key"] = ctx.effect_key
    query = {name: _plain(value) for name, value in wanted.query.items()}
    path = wanted.url if wanted.url.startswith(("http://", "https://", "/")) else f"/{wanted.url}"
    text = wanted.body if isinstance(wanted.body, str) else ""
    if text:
        headers.setdefault("Content-Type", _kind(text))
    answer = await ctx.http.request(
        wanted.method,
        path,
        query=query or None,
        json=None if isinstance(wanted.body, str) else wanted.body,
        content=text.encode() or None,
        headers=headers,
    )
    said = answer.json()
    shown = dict(list(answer.headers.items())[:_KEPT_HEADERS])
    return Answer(status=answer.status, headers=shown, body=answer.text(65_536) if said is None else said)


def _plain(value: Scalar | list[str]) -> str | int | list[str]:
    """A value of a query or a header: true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else value


def _kind(text: str) -> str:
    try:
        loads(text)
    except InvalidJSON:
        return "text/plain; charset=utf-8"
    return "application/json"
