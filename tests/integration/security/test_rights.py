"""Nobody acts on rights that they do not hold, and a token ends with the person who answers for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from affluent.kit.actor import Actor, acting
from affluent.kit.jsons import dumps, loads
from affluent.services.errors import Forbidden, NotFound, Unauthorised
from affluent.services.identity.roles import RIGHTS, Role
from tests.integration.security.callers import Callers, callers

RUNS = "GET /api/v1/runs"
DEVELOPER = ("users:write", *RIGHTS[Role.DEVELOPER])


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


async def person_id(at: Callers, role: Role) -> str:
    return next(one.id for one in await at.hub.users.list() if one.role is role)


async def second_administrator(at: Callers) -> str:
    made, link = await at.hub.users.invite(name="Noor", email="noor@example.com", role="administrator")
    await at.hub.users.choose_password(link.rpartition("/")[2], "correct horse battery")
    return made.id


async def call(at: Callers, route: str, secret: str, **body: Any) -> Any:
    return await at.call(route, secret, dumps(body).encode())


async def token_of(at: Callers, role: Role, *scopes: str) -> str:
    """A token that a person made."""
    with acting(Actor(kind="person", id=await person_id(at, role), name=role.label)):
        return await at.token(*scopes)


@pytest.mark.parametrize(
    ("method", "act", "body"),
    [
        ("PATCH", "", {"role": "analyst"}),
        ("POST", "/deactivate", {}),
        ("POST", "/activate", {}),
        ("POST", "/link", {}),
    ],
)
@pytest.mark.parametrize("scopes", [("users:write",), DEVELOPER], ids=["users only", "a developer's"])
async def test_a_token_without_all_rights_does_nothing_to_an_administrator(
    at: Callers, method: str, act: str, body: dict[str, Any], scopes: tuple[str, ...]
) -> None:
    noor = await second_administrator(at)
    answer = await call(at, f"{method} /api/v1/users/{noor}{act}", await at.token(*scopes), **body)
    assert answer.status == 403
    assert "cannot change anything about a person with the role administrator" in answer.text
    assert (await at.hub.users.get(noor)).role is Role.ADMINISTRATOR
    assert (await at.hub.users.get(noor)).status == "active"


async def test_a_token_does_not_let_an_administrator_back_in(at: Callers) -> None:
    noor = await second_administrator(at)
    await at.hub.users.deactivate(noor)
    answer = await call(at, f"POST /api/v1/users/{noor}/activate", await at.token(*DEVELOPER))
    assert answer.status == 403
    assert (await at.hub.users.get(noor)).status == "deactivated"


async def test_a_token_with_the_rights_of_a_role_acts_on_who_has_it(at: Callers) -> None:
    developer, secret = await person_id(at, Role.DEVELOPER), await at.token(*DEVELOPER)
    for act in ("deactivate", "activate"):
        assert (await call(at, f"POST /api/v1/users/{developer}/{act}", secret)).status == 200
    answer = await call(at, f"PATCH /api/v1/users/{developer}", secret, role="administrator")
    assert (answer.status, loads(answer.body)["field"]) == (403, "role")


async def test_the_second_factor_and_sessions_of_an_administrator_are_out_of_reach_too(at: Callers) -> None:
    noor = await second_administrator(at)
    program = Actor(kind="token", id="tok_1", name="A program", scopes=DEVELOPER)
    for act in (at.hub.users.remove_second_factor, at.hub.users.revoke):
        with acting(program), pytest.raises(Forbidden):
            await act(noor)


async def test_a_role_that_was_taken_away_counts_at_once(at: Callers) -> None:
    noor = await second_administrator(at)
    acts = Actor(kind="person", id=noor, name="Noor")
    await at.hub.users.change_role(noor, "developer")
    with acting(acts), pytest.raises(Forbidden):
        await at.hub.users.deactivate(await person_id(at, Role.ADMINISTRATOR))


async def test_a_link_that_was_made_for_a_smaller_role_is_void_in_a_greater_one(at: Callers) -> None:
    analyst = await person_id(at, Role.ANALYST)
    link = await at.hub.users.new_password_link(analyst)
    await at.hub.users.change_role(analyst, "administrator")
    with pytest.raises(NotFound, match="used already"):
        await at.hub.users.choose_password(link.rpartition("/")[2], "correct horse battery")


async def test_tokens_of_a_person_stop_with_them_and_stay_stopped(at: Callers) -> None:
    noor = await second_administrator(at)
    with acting(Actor(kind="person", id=noor, name="Noor")):
        secret = await at.token("*:write")
    more = loads((await call(at, "POST /api/v1/tokens", secret, name="Child", scopes=["runs:read"])).body)["secret"]
    assert [(await call(at, RUNS, one)).status for one in (secret, more)] == [200, 200]
    await at.hub.users.deactivate(noor)
    assert [(await call(at, RUNS, one)).status for one in (secret, more)] == [401, 401]
    await at.hub.users.activate(noor)
    assert [(await call(at, RUNS, one)).status for one in (secret, more)] == [401, 401]


async def test_a_token_stops_also_when_the_person_was_deactivated_past_the_use_case(at: Callers) -> None:
    secret = await token_of(at, Role.ADMINISTRATOR, "*:write")
    await at.hub.database.write(lambda c: c.exec_driver_sql("UPDATE people SET status = 'deactivated'").rowcount)
    with pytest.raises(Unauthorised, match="may not sign in any more"):
        await at.hub.authorise(secret, "runs:read")


async def test_tokens_of_others_and_of_commands_go_on(at: Callers) -> None:
    noor = await second_administrator(at)
    mine, nobodys = await token_of(at, Role.ADMINISTRATOR, "*:write"), await at.token("*:write")
    await at.hub.users.deactivate(noor)
    assert [(await call(at, RUNS, one)).status for one in (mine, nobodys)] == [200, 200]


async def test_a_token_does_no_more_than_its_person_may_by_now(at: Callers) -> None:
    noor = await second_administrator(at)
    with acting(Actor(kind="person", id=noor, name="Noor")):
        secret = await at.token("*:write")
    assert (await call(at, "GET /api/v1/users", secret)).status == 200
    await at.hub.users.change_role(noor, "product_manager")
    assert (await call(at, RUNS, secret)).status == 200
    assert (await call(at, "GET /api/v1/users", secret)).status == 403
    assert (await call(at, "POST /api/v1/flows", secret)).status == 403
    answer = await call(at, "POST /api/v1/tokens", secret, name="Child", scopes=["flows:write"])
    assert answer.status == 403


async def test_what_a_persons_token_makes_is_the_persons(at: Callers) -> None:
    secret = await token_of(at, Role.ADMINISTRATOR, "*:write")
    fields = {"url": "https://example.com/in"}
    made = await call(at, "POST /api/v1/connections", secret, app="webhook", name="W", fields=fields, skip_test=True)
    assert (await at.hub.connections.owner(loads(made.body)["id"])).name == "Mira Kapoor"


async def test_sessions_end_with_their_person(at: Callers) -> None:
    people, token = at.hub.people, at.people[Role.DEVELOPER].cookies["affluent"]
    assert await people.of_session(token) is not None
    await at.hub.users.deactivate(await person_id(at, Role.DEVELOPER))
    await at.hub.users.activate(await person_id(at, Role.DEVELOPER))
    assert await people.of_session(token) is None
