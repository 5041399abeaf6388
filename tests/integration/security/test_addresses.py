"""Another address asks for every secret anew, by the owner or an administrator, at every entrance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from affluent.cli.main import app as command
from affluent.kit.actor import Actor, acting
from affluent.kit.jsons import dumps, loads
from affluent.services.errors import Forbidden, Invalid
from affluent.services.flow_files.model import FileConnection, FlowFile
from affluent.services.identity.roles import Role
from tests.integration.security.callers import Callers, callers

KEY = "fp-key-of-the-owner"
STORED = {"api_key": KEY, "account_id": "acc-1", "webhook_secret": "hook-secret", "previous_webhook_secret": "older"}
ELSEWHERE = {"base_url": "https://evil.example/api/v2"}
OPERATOR = Actor(kind="command", name="root")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


async def person(at: Callers, role: Role) -> Actor:
    found = next(one for one in await at.hub.users.list() if one.role is role)
    return Actor(kind="person", id=found.id, name=found.name)


async def stored(at: Callers, owner: Role = Role.DEVELOPER) -> str:
    """A connection whose secrets are stored."""
    with acting(await person(at, owner)):
        made = await at.hub.connections.create(app="firstpromoter", name="FP", fields=STORED, skip_test=True)
    return made.id


async def patch(at: Callers, connection: str, fields: dict[str, Any], *scopes: str) -> Any:
    body = dumps({"fields": fields, "skip_test": True}).encode()
    return await at.call(f"PATCH /api/v1/connections/{connection}", await at.token(*scopes), body)


async def is_untouched(at: Callers, connection: str) -> bool:
    view = await at.hub.connections.get(connection)
    return view.version == 1 and view.fields["base_url"] == ""


async def test_a_token_that_may_write_connections_moves_none(at: Callers) -> None:
    connection = await stored(at)
    anew = {**ELSEWHERE, "api_key": "mine", "webhook_secret": "mine"}
    for fields in (ELSEWHERE, anew):
        answer = await patch(at, connection, fields, "connections:write")
        assert answer.status == 403
        assert "Only its owner or an administrator" in answer.text
    assert await is_untouched(at, connection)


async def test_a_token_with_all_rights_is_asked_for_every_secret(at: Callers) -> None:
    connection = await stored(at)
    answer = await patch(at, connection, {**ELSEWHERE, "api_key": "another"}, "*:write")
    assert answer.status == 422
    assert "fields.webhook_secret" in answer.text
    assert "fields.api_key" not in answer.text
    assert await is_untouched(at, connection)


async def test_with_every_secret_anew_nothing_of_before_is_kept(at: Callers) -> None:
    connection = await stored(at)
    fields = {**ELSEWHERE, "api_key": "another", "webhook_secret": None}
    answer = await patch(at, connection, fields, "*:write")
    assert answer.status == 200, answer.text
    assert loads(answer.body)["secrets"] == ["api_key"]


async def test_an_empty_secret_is_not_a_new_one(at: Callers) -> None:
    connection = await stored(at)
    answer = await patch(at, connection, {**ELSEWHERE, "api_key": " ", "webhook_secret": ""}, "*:write")
    assert answer.status == 422
    assert await is_untouched(at, connection)


async def test_the_form_says_at_the_secret_what_to_do(at: Callers) -> None:
    connection = await stored(at)
    form: Any = {"fields.base_url": ELSEWHERE["base_url"], "fields.account_id": "acc-1", "fields.api_key": ""}
    answer = await at.people[Role.DEVELOPER].post(f"/connections/{connection}/keys", form)
    assert answer.status == 422
    assert "Enter FirstPromoter API key anew" in answer.words
    assert await is_untouched(at, connection)


async def test_in_the_form_somebody_elses_connection_is_not_moved(at: Callers) -> None:
    connection = await stored(at, Role.ADMINISTRATOR)
    form: Any = {"fields.base_url": ELSEWHERE["base_url"], "fields.account_id": "acc-1", "fields.api_key": "mine"}
    answer = await at.people[Role.DEVELOPER].post(f"/connections/{connection}/keys", form)
    assert answer.status == 422
    assert "Only its owner or an administrator" in answer.words
    assert await is_untouched(at, connection)


async def test_a_connection_that_is_the_administrators_is_moved_by_no_developer(at: Callers) -> None:
    with acting(OPERATOR):
        made = await at.hub.connections.create(app="firstpromoter", name="FP", fields=STORED, skip_test=True)
    with acting(await person(at, Role.DEVELOPER)), pytest.raises(Forbidden):
        await at.hub.connections.update(made.id, fields={**ELSEWHERE, "api_key": "mine", "webhook_secret": "mine"})


async def test_a_file_moves_no_stored_secret(at: Callers) -> None:
    connection = await stored(at)
    file = FlowFile(
        connections=(FileConnection(app="firstpromoter", name="FP", fields={"account_id": "acc-1", **ELSEWHERE}),)
    )
    with acting(OPERATOR), pytest.raises(Invalid) as refused:
        await at.hub.files.apply(file)
    assert "Connection firstpromoter/FP: fields.api_key" in refused.value.message
    assert f"affluent connections update {connection} --field base_url=" in refused.value.message
    assert await is_untouched(at, connection)


async def test_a_file_moves_no_secret_either_while_another_one_is_lacking(at: Callers) -> None:
    connection = await stored(at)
    sealed = at.hub.vault.seal(dumps({"webhook_secret": "hook-secret"}).encode(), f"connections/{connection}")
    await at.hub.database.write(
        lambda c: c.exec_driver_sql("UPDATE connections SET secrets = ? WHERE id = ?", (sealed, connection))
    )
    file = FlowFile(
        connections=(FileConnection(app="firstpromoter", name="FP", fields={"account_id": "acc-1", **ELSEWHERE}),)
    )
    with acting(OPERATOR), pytest.raises(Invalid, match="webhook_secret"):
        await at.hub.files.apply(file)


async def test_a_file_may_move_what_holds_no_secret(at: Callers) -> None:
    with acting(OPERATOR):
        await at.hub.connections.create(app="webhook", name="W", fields={"url": "https://a.example/in"}, skip_test=True)
        file = FlowFile(connections=(FileConnection(app="webhook", name="W", fields={"url": "https://b.example/in"}),))
        assert (await at.hub.files.apply(file)).plan.changes[0].sentences


def test_the_command_asks_for_the_secrets(tmp_path: Path) -> None:
    def affluent(*arguments: str, given: str = "") -> Any:
        return CliRunner().invoke(
            command, [*arguments, "--skip-test", "--json", "--data-dir", str(tmp_path)], input=given
        )

    made = affluent("connections", "create", "http", "--name", "Api", "--field", "base_url=https://a.example",
                    "--secrets-from-stdin", given=dumps({"secret": "Bearer one"}))  # fmt: skip
    connection = loads(made.stdout)["id"]
    update = ("connections", "update", connection, "--field", "base_url=https://b.example")
    refused = affluent(*update)
    assert refused.exit_code == 1
    assert "fields.secret" in refused.output
    assert "--secrets" in refused.output
    moved = affluent(*update, "--secrets-from-stdin", given=dumps({"secret": "Bearer two"}))
    assert loads(moved.stdout)["fields"]["base_url"] == "https://b.example/"
