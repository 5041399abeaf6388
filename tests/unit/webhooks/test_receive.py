"""The door of webhooks in front of all routing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from affluent.kit.jsons import loads
from affluent.services.inbound.webhooks import Answer
from affluent.store.database import StoreUnavailable
from affluent.webhooks.receive import WebhookMiddleware


class _Hooks:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.is_away = False

    async def receive(self, link: str, token: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self.is_away:
            raise StoreUnavailable("away")
        self.told.append((link, token, body, dict(headers)))
        return Answer(status=200, body={"event": "evt_1"})

    async def refuse_too_large(self, link: str, body: bytes, _headers: Mapping[str, str], largest: int) -> Answer:
        self.told.append((link, body, largest))
        return Answer(status=413, body={})


async def _post(
    hooks: _Hooks, *messages: dict[str, Any], path: str = "/hooks/fco_1/tok_1", method: str = "POST", largest: int = 100
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    coming = list(messages or [{"type": "http.request", "body": b"{}"}])

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def otherwise(_scope: Any, _receive: Any, _send: Any) -> None:
        sent.append({"type": "otherwise"})

    door = WebhookMiddleware(hooks, otherwise, max_body_bytes=largest)  # type: ignore[arg-type]  # stands in for Hooks
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"x-signature", b"abc")]}
    await door(scope, receive, send)
    return sent


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_webhook_is_read_whole_and_answered_in_json() -> None:
    hooks = _Hooks()
    start, body = await _post(hooks, _part(b'{"a":', more=True), _part(b"1}", more=False))
    assert hooks.told == [("fco_1", "tok_1", b'{"a":1}', {"x-signature": "abc"})]
    assert (start["status"], loads(body["body"])) == (200, {"event": "evt_1"})
    assert dict(start["headers"]) == {b"content-type": b"application/json", b"content-length": b"17"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hooks/fco_1/tok_1"),
        ("POST", "/hooks/fco_1"),
        ("POST", "/hooks/fco_1/tok_1/more"),
        ("POST", "/hooks//tok_1"),
        ("POST", "/api/v1/hooks"),
    ],
)
async def test_what_is_no_webhook_is_handed_on(method: str, path: str) -> None:
    hooks = _Hooks()
    assert await _post(hooks, method=method, path=path) == [{"type": "otherwise"}]
    assert hooks.told == []


async def test_a_sender_who_is_gone_halfway_is_not_believed() -> None:
    hooks = _Hooks()
    assert await _post(hooks, _part(b'{"a":1}', more=True), {"type": "http.disconnect"}) == []
    assert hooks.told == []


async def test_a_body_over_the_limit_is_not_read_further() -> None:
    hooks = _Hooks()
    sent = await _post(hooks, _part(b"x" * 8, more=True), _part(b"x" * 8, more=True), largest=10)
    assert sent[0]["status"] == 413
    assert hooks.told == [("fco_1", b"x" * 10, 10)]


async def test_what_cannot_be_stored_is_not_acknowledged() -> None:
    hooks = _Hooks()
    hooks.is_away = True
    assert (await _post(hooks))[0]["status"] == 503
