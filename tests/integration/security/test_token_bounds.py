"""Where and how long a token is good: networks, expiry, rotation with overlap; how often it may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from affluent.kit import clock
from affluent.kit.actor import Actor, acting
from affluent.server.middleware import RateLimit
from affluent.services.errors import Forbidden, Invalid, Unauthorised
from affluent.services.identity.tokens import Tokens
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from tests.integration.security.callers import callers


@pytest.fixture
async def tokens(database_url: str, tmp_path: Path) -> AsyncIterator[Tokens]:
    database = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(database)
    await database.open()
    yield Tokens(database=database)
    await database.close()


@pytest.mark.parametrize(
    ("address", "is_in"),
    [("192.0.2.7", True), ("192.0.3.7", False), ("::ffff:192.0.2.9", True), ("2001:db8::1", True), ("", False)],
)
async def test_a_token_is_good_in_its_networks_only(tokens: Tokens, address: str, is_in: bool) -> None:  # noqa: FBT001 - a case of the test
    made = await tokens.generate(name="Office", scopes=["runs:read"], networks=["192.0.2.0/24", "2001:db8::/32"])
    with acting(Actor(kind="visitor", address=address)):
        if is_in:
            assert (await tokens.authorise(made.secret, "runs:read")).id == made.token.id
        else:
            with pytest.raises(Forbidden, match="may not be used from"):
                await tokens.authorise(made.secret, "runs:read")


async def test_what_is_no_network_is_refused(tokens: Tokens) -> None:
    with pytest.raises(Invalid) as refused:
        await tokens.generate(name="Office", scopes=["runs:read"], networks=["office"])
    assert refused.value.field == "networks"


async def test_after_a_rotation_both_secrets_are_good_for_the_overlap(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await tokens.generate(name="Export", scopes=["runs:read"])
    new = await tokens.rotate(old.token.id, overlap=timedelta(hours=1))
    for secret in (old.secret, new.secret):
        assert (await tokens.authorise(secret, "runs:read")).id == old.token.id
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=2))
    assert (await tokens.authorise(new.secret, "runs:read")).id == old.token.id
    with pytest.raises(Unauthorised):
        await tokens.authorise(old.secret, "runs:read")


async def test_a_second_rotation_ends_the_first_secret(tokens: Tokens) -> None:
    old = await tokens.generate(name="Export", scopes=["runs:read"])
    await tokens.rotate(old.token.id)
    await tokens.rotate(old.token.id)
    with pytest.raises(Unauthorised):
        await tokens.authorise(old.secret, "runs:read")


async def test_a_deactivated_token_is_not_rotated(tokens: Tokens) -> None:
    old = await tokens.generate(name="Export", scopes=["runs:read"])
    await tokens.deactivate(old.token.id)
    with pytest.raises(Invalid, match="deactivated"):
        await tokens.rotate(old.token.id)


async def test_who_asks_too_often_is_told_when_to_go_on(tmp_path: Path) -> None:
    async with callers(tmp_path, requests_per_minute=30) as it:
        token = await it.token("runs:read")
        statuses = [(await it.call("GET /api/v1/runs", token)).status for _ in range(40)]
        refused = await it.call("GET /api/v1/runs", token)
        hooks = [(await it.call("POST /hooks/nothing/here")).status for _ in range(40)]
        health = await it.call("GET /healthz")
    assert statuses.count(200) in range(10, 31)
    assert refused.status == 429
    assert refused.header("content-type") == "application/problem+json"
    assert int(refused.header("retry-after")) >= 1
    assert 429 not in hooks
    assert health.status == 200


def test_the_bucket_fills_again() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert [limit.wait("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait("a") == pytest.approx(1.0)
    assert limit.wait("b") == 0.0
    now[0] = 1.0
    assert limit.wait("a") == 0.0


async def test_a_host_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    async with callers(tmp_path, allowed_hosts="hub.example, [::1]") as it:
        browser = it.stranger()
        assert (await browser.get("/sign-in")).status == 200
        assert (await browser.get("/sign-in", host="HUB.example:8080")).status == 200
        assert (await browser.get("/sign-in", host="evil.example")).status == 400
        assert (await browser.get("/healthz", host="10.0.0.7")).status == 200


@pytest.mark.parametrize("act", ["POST /api/v1/tokens/{id}/deactivate", "DELETE /api/v1/tokens/{id}"])
async def test_a_token_stops_none_that_may_do_more_than_itself(tmp_path: Path, act: str) -> None:
    async with callers(tmp_path) as it:
        weak, strong = await it.token("tokens:write"), await it.token("*:write")
        listed = (await it.call("GET /api/v1/tokens", strong)).json["items"]
        stronger = next(token for token in listed if "*:write" in token["scopes"])
        refused = await it.call(act.format(id=stronger["id"]), weak)
        still = await it.call("GET /api/v1/runs", strong)
        done = await it.call(act.format(id=next(t["id"] for t in listed if t["scopes"] == ["tokens:write"])), strong)
    assert refused.status == 403
    assert "lacks the scope" in refused.text
    assert (still.status, done.status) in ((200, 200), (200, 204))
