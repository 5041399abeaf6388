"""Admin Center, API tokens, as a browser without script uses it."""

from __future__ import annotations

import re

import pytest

from affluent.services.errors import Unauthorised
from tests.integration.web.browser import Browser


def secret_in(text: str) -> str:
    """The secret on the page."""
    return re.findall(r"<code>(aff_[\w-]+)</code>", text)[0]


async def test_an_empty_list_says_what_to_do(owner: Browser) -> None:
    assert "No token yet" in (await owner.get("/admin/tokens")).words


async def test_a_token_is_shown_once_and_works(owner: Browser) -> None:
    form = {"name": "Nightly export", "scope": ["invoices:read", "runs:read", "runs:write"], "lives": "90"}
    answer = await owner.post("/admin/tokens", form)
    token = await owner.hub.tokens.authorise(secret_in(answer.text), "runs:write")
    assert token.scopes == ("invoices:read", "runs:write")
    assert token.created_by == "Mira Kapoor"
    assert secret_in(answer.text) not in (await owner.get("/admin/tokens")).text


async def test_the_answer_with_the_secret_is_neither_kept_nor_compressed(owner: Browser) -> None:
    form = {"name": "Nightly export", "scope": "invoices:read", "lives": ""}
    answer = await owner.post("/admin/tokens", form, accept_encoding="gzip")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-encoding") == "identity"


async def test_a_token_without_scopes_and_name_is_refused_at_the_fields(owner: Browser) -> None:
    answer = await owner.post("/admin/tokens", {"name": "", "scope": ["runs:read"], "lives": "90"})
    assert answer.status == 422
    assert "Give it a name" in answer.words
    assert 'value="runs:read" checked' in answer.text
    assert '<option value="90" selected>' in answer.text
    nothing = await owner.post("/admin/tokens", {"name": "Kept", "lives": ""})
    assert 'value="Kept"' in nothing.text
    assert "Choose at least one scope" in nothing.words


async def test_an_expiry_that_is_not_offered_is_refused(owner: Browser) -> None:
    answer = await owner.post("/admin/tokens", {"name": "X", "scope": "runs:read", "lives": "9999"})
    assert answer.status == 422


async def test_a_deactivated_token_is_refused_and_stays_in_the_list(owner: Browser) -> None:
    new = await owner.hub.tokens.generate(name="Old export", scopes=["runs:read"])
    await owner.post(f"/admin/tokens/{new.token.id}/deactivate")
    page = await owner.get("/admin/tokens")
    assert "Old export is deactivated" in page.words
    assert "Deactivated" in page.words
    with pytest.raises(Unauthorised):
        await owner.hub.tokens.authorise(new.secret, "runs:read")


async def test_what_was_said_is_said_once(owner: Browser) -> None:
    new = await owner.hub.tokens.generate(name="Old export", scopes=["runs:read"])
    await owner.post(f"/admin/tokens/{new.token.id}/deactivate")
    await owner.get("/admin/tokens")
    assert "is deactivated" not in (await owner.get("/admin/tokens")).words


async def test_deleting_asks_for_the_name(owner: Browser) -> None:
    token = (await owner.hub.tokens.generate(name="Old export", scopes=["runs:read"])).token
    wrong = await owner.post(f"/admin/tokens/{token.id}/delete", {"confirm": "old"})
    assert wrong.status == 422
    assert "Type Old export to delete it" in wrong.words
    right = await owner.post(f"/admin/tokens/{token.id}/delete", {"confirm": "Old export"})
    assert right.status == 303
    assert not await owner.hub.tokens.list()


async def test_the_dialogs_open_without_script(owner: Browser) -> None:
    assert re.search(r'<dialog[^>]*id="new"[^>]* open', (await owner.get("/admin/tokens?dialog=new")).text)
    assert not re.search(r'<dialog[^>]*id="new"[^>]* open', (await owner.get("/admin/tokens")).text)


async def test_names_are_shown_as_text(owner: Browser) -> None:
    await owner.hub.tokens.generate(name="<b>bold</b>", scopes=["runs:read"])
    assert "<b>bold" not in (await owner.get("/admin/tokens")).text


async def test_long_lists_go_by_pages(owner: Browser) -> None:
    for number in range(51):
        await owner.hub.tokens.generate(name=f"Token {number:02}", scopes=["runs:read"])
    first = await owner.get("/admin/tokens")
    older = re.findall(r'href="(/admin/tokens\?after=[^"]+)" rel="next"', first.text)[0]
    assert "Token 00" not in first.words
    assert "Token 00" in (await owner.get(older)).words


async def test_only_an_administrator_gets_in(owner: Browser) -> None:
    await owner.desk.database.write(lambda connection: connection.exec_driver_sql("UPDATE people SET role = 'analyst'"))
    answer = await owner.get("/admin/tokens")
    assert answer.status == 403
    assert "needs the role administrator; yours is analyst" in answer.words


async def test_a_token_gets_another_secret_while_the_first_is_good(owner: Browser) -> None:
    old = await owner.hub.tokens.generate(name="Old export", scopes=["runs:read"])
    answer = await owner.post(f"/admin/tokens/{old.token.id}/rotate")
    for secret in (old.secret, secret_in(answer.text)):
        assert (await owner.hub.tokens.authorise(secret, "runs:read")).id == old.token.id


async def test_networks_that_make_no_sense_are_refused_at_the_field(owner: Browser) -> None:
    form = {"name": "Office", "scope": "runs:read", "lives": "", "networks": "192.0.2.0/24, office"}
    answer = await owner.post("/admin/tokens", form)
    assert answer.status == 422
    assert "is no network" in answer.words
