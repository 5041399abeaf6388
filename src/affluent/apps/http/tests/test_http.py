"""HTTP requests: what is sent, and what an answer leads to."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from affluent.apps.http.app import app
from affluent.apps.http.schemas import Request
from affluent.sdk import AuthFailed, Misconfigured, Rejected, Unavailable
from tests.support.apps import Call, Say, bench, local_vendor


def echo(call: Call) -> Say:
    """Say what was received."""
    return Say(status=201, body={"path": call.path, "query": call.query, "body": call.body}, headers={"X-Trace": "t1"})


async def test_an_object_is_sent_as_json_and_the_answer_handed_on() -> None:
    async with local_vendor(echo) as api, bench(app) as desk:
        given = {
            "method": "POST",
            "url": f"{api.url}/orders",
            "query": {"tag": ["a", "b"], "draft": True, "n": 3},
            "headers": {"X-Own": 7},
            "body": {"number": "SO-1"},
        }
        answer = await desk.run("request", given)
    assert answer.status == 201
    assert answer.body == {
        "path": "/orders",
        "query": {"tag": "a", "draft": "true", "n": "3"},
        "body": {"number": "SO-1"},
    }
    assert answer.headers["x-trace"] == "t1"
    sent = api.calls[0].headers
    assert (sent["content-type"], sent["x-own"]) == ("application/json", "7")
    assert sent["idempotency-key"] == "evt_1/fco_1/step"


@pytest.mark.parametrize(
    ("text", "kind"),
    [('{"a": 1}', "application/json"), ("a=1", "text/plain; charset=utf-8"), ("<a/>", "text/plain; charset=utf-8")],
)
async def test_text_is_sent_as_it_is(text: str, kind: str) -> None:
    async with local_vendor(lambda _call: Say(body="thanks")) as api, bench(app) as desk:
        answer = await desk.run("request", {"url": api.url, "body": text})
    assert (api.calls[0].raw.decode(), api.calls[0].headers["content-type"]) == (text, kind)
    assert answer.body == "thanks"


async def test_a_read_carries_no_key() -> None:
    async with local_vendor(echo) as api, bench(app) as desk:
        await desk.run("request", {"method": "GET", "url": api.url})
    assert "idempotency-key" not in api.calls[0].headers


async def test_an_own_key_is_left_alone() -> None:
    async with local_vendor(echo) as api, bench(app) as desk:
        await desk.run("request", {"url": api.url, "headers": {"Idempotency-Key": "mine"}})
    assert api.calls[0].headers["idempotency-key"] == "mine"


async def test_a_connection_joins_paths_and_sends_its_secret_to_its_own_address_only() -> None:
    async with local_vendor(echo) as api, local_vendor(echo) as other:
        secret = {"base_url": f"{api.url}/v1", "header": "X-Api-Key", "secret": "s3cret-value"}
        async with bench(app, secret) as desk:
            await desk.run("request", {"url": "/orders"})
            await desk.run("request", {"url": "orders/2"})
            await desk.run("request", {"url": f"{other.url}/elsewhere"})
    assert [(call.path, call.headers["x-api-key"]) for call in api.calls] == [
        ("/v1/orders", "s3cret-value"),
        ("/v1/orders/2", "s3cret-value"),
    ]
    assert "x-api-key" not in other.calls[0].headers


async def test_a_path_alone_needs_a_connection() -> None:
    async with bench(app) as desk:
        with pytest.raises(Rejected, match="a path alone needs an HTTP connection") as refused:
            await desk.run("request", {"url": "/orders"})
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (302, Rejected),
        (400, Rejected),
        (401, AuthFailed),
        (404, Rejected),
        (409, Rejected),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_anything_but_success_is_an_error_by_what_follows(status: int, meaning: type[Exception]) -> None:
    async with local_vendor(lambda _call: Say(status=status, body={"message": "no"})) as api, bench(app) as desk:
        with pytest.raises(meaning) as raised:
            await desk.run("request", {"url": api.url})
    assert type(raised.value) is meaning


async def test_a_private_address_is_refused_unless_it_is_allowed() -> None:
    async with local_vendor(echo) as api, bench(app, allow_private=False) as desk:
        with pytest.raises(Misconfigured, match="private address"):
            await desk.run("request", {"url": api.url})
    assert api.calls == []


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValidationError, match="'GET', 'HEAD', 'POST'"):
        Request.model_validate({"method": "FETCH", "url": "https://api.example.com"})


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_the_test_of_a_connection_takes_any_answer_for_a_sign_of_life(status: int) -> None:
    async with local_vendor(lambda _call: Say(status=status)) as api, bench(app, {"base_url": api.url}) as desk:
        assert await desk.test() == f"The API answers (with {status})."


async def test_the_test_of_a_connection_blames_a_refused_secret() -> None:
    async with (
        local_vendor(lambda _call: Say(status=401)) as api,
        bench(app, {"base_url": api.url, "secret": "wrong-secret"}) as desk,
    ):
        with pytest.raises(AuthFailed):
            await desk.test()


class Login(BaseModel):
    """A body's part that only becomes JSON when it is sent."""

    user: str = "ada"
    password: str = "hush-hush"


async def test_a_secret_inside_a_model_is_sent_and_not_kept() -> None:
    async with local_vendor(echo) as api, bench(app) as desk:
        door = desk.context("request").http
        await door.request("POST", f"{api.url}/login", json={"login": Login(), "also": [Login()]})
    assert api.calls[0].body["login"] == {"user": "ada", "password": "hush-hush"}
    hidden = {"user": "ada", "password": "••••"}
    assert desk.exchanges[0]["request"]["body"] == {"login": hidden, "also": [hidden]}
