"""Tokens, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from affluent.kit import clock
from affluent.services.errors import Forbidden, Invalid, NotFound, Unauthorised
from affluent.services.identity import tokens as module
from affluent.store import tables
from tests.integration.services.desk import desk


async def test_a_token_opens_what_its_scopes_say_and_its_secret_is_not_kept(database_url):
    async with desk(database_url) as it:
        made = await it.tokens.generate(name=" CI ", scopes=["invoices:write", "runs:read"], created_by="Ada")
        assert made.secret.startswith("aff_")
        assert made.secret not in repr(made)
        assert (made.token.name, made.token.hint) == ("CI", made.secret[-4:])
        for scope in ("invoices:write", "invoices:read", "runs:read"):
            assert (await it.tokens.authorise(made.secret, scope)).id == made.token.id
        (row,) = await it.rows(tables.tokens)
        assert made.secret not in str(row)


@pytest.mark.parametrize("scope", ["runs:write", "customers:read"])
async def test_a_missing_scope_is_named(database_url, scope):
    async with desk(database_url) as it:
        secret = (await it.tokens.generate(name="CI", scopes=["runs:read"])).secret
        with pytest.raises(Forbidden, match=f"This token lacks the scope {scope}."):
            await it.tokens.authorise(secret, scope)


@pytest.mark.parametrize("secret", ["", "aff_", "aff_unknown", "Basic x", "aff_\u00e9"])
async def test_an_unknown_secret_is_refused(database_url, secret):
    async with desk(database_url) as it:
        with pytest.raises(Unauthorised):
            await it.tokens.authorise(secret, "runs:read")


async def test_a_deactivated_token_is_refused_at_once(database_url):
    async with desk(database_url) as it:
        made = await it.tokens.generate(name="CI", scopes=["*:write"])
        await it.tokens.authorise(made.secret, "runs:read")
        await it.tokens.deactivate(made.token.id)
        with pytest.raises(Unauthorised, match="deactivated"):
            await it.tokens.authorise(made.secret, "runs:read")


async def test_a_deleted_token_is_refused_and_gone(database_url):
    async with desk(database_url) as it:
        made = await it.tokens.generate(name="CI", scopes=["*:write"])
        await it.tokens.authorise(made.secret, "runs:read")
        await it.tokens.delete(made.token.id)
        with pytest.raises(Unauthorised, match="not known"):
            await it.tokens.authorise(made.secret, "runs:read")
        with pytest.raises(NotFound):
            await it.tokens.delete(made.token.id)


async def test_an_expired_token_is_refused(database_url):
    async with desk(database_url) as it:
        soon = clock.now() + timedelta(seconds=60)
        made = await it.tokens.generate(name="CI", scopes=["*:write"], expires_at=soon)
        await it.tokens.authorise(made.secret, "runs:read")
        clock.shift(timedelta(seconds=61))
        try:
            with pytest.raises(Unauthorised, match="expired"):
                await it.tokens.authorise(made.secret, "runs:read")
        finally:
            clock.shift(timedelta(seconds=-61))


async def test_authorising_again_reads_no_database_and_notes_the_use_once_a_minute(database_url, monkeypatch):
    async with desk(database_url) as it:
        made = await it.tokens.generate(name="CI", scopes=["*:write"])
        await it.tokens.authorise(made.secret, "runs:read")
        first = (await it.tokens.get(made.token.id)).last_used_at
        assert first is not None
        monkeypatch.setattr(it.tokens, "_database", None)
        for _ in range(3):
            await it.tokens.authorise(made.secret, "runs:read")


async def test_a_change_made_by_another_process_is_seen_within_seconds(database_url, monkeypatch):
    async with desk(database_url) as it:
        made = await it.tokens.generate(name="CI", scopes=["*:write"])
        other = module.Tokens(database=it.database)
        await other.authorise(made.secret, "runs:read")
        await it.tokens.deactivate(made.token.id)
        monkeypatch.setattr(module, "_FRESH_SECONDS", 0)
        with pytest.raises(Unauthorised):
            await other.authorise(made.secret, "runs:read")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["invoices"]}, "scopes"),
        ({"scopes": ["invoices:delete"]}, "scopes"),
        ({"expires_at": clock.now() - timedelta(days=1)}, "expires_at"),
        ({"expires_at": (clock.now() + timedelta(days=1)).replace(tzinfo=None)}, "expires_at"),
    ],
)
async def test_a_wrong_input_is_named(tmp_path, changes, field):
    async with desk(f"sqlite:///{tmp_path / 'a.db'}") as it:
        with pytest.raises(Invalid) as caught:
            await it.tokens.generate(**{"name": "CI", "scopes": ["*:read"], **changes})
        assert caught.value.field == field


async def test_tokens_are_listed_newest_first_by_page(database_url):
    async with desk(database_url) as it:
        ids = [(await it.tokens.generate(name=f"T{number}", scopes=["*:read"])).token.id for number in range(5)]
        first = await it.tokens.list(limit=2)
        second = await it.tokens.list(limit=2, after=first.next)
        third = await it.tokens.list(limit=2, after=second.next)
        assert [token.id for page in (first, second, third) for token in page] == ids[::-1]
        assert third.next == ""
