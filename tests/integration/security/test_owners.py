"""Whose a connection is decides whether anything new may begin on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from affluent.kit.actor import Actor, acting
from affluent.services.errors import Conflict, Invalid, ServiceError
from affluent.services.identity.roles import Role
from affluent.services.operations.audit import AuditFilter
from affluent.services.runs.search import RunFilter
from affluent.services.runs.service import BulkAction
from tests.integration.security.callers import Callers, callers

WORKER = Actor(kind="system", name="Affluent")
SOMEBODY = Actor(kind="token", id="tok_1", name="A program")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


async def person_id(at: Callers, role: Role) -> str:
    return next(one.id for one in await at.hub.users.list() if one.role is role)


async def flow_of(at: Callers) -> str:
    definition = {
        "name": "Orders", "type": "inbound", "trigger": {"app": "webhook", "trigger": "received"},
        "steps": [{"id": "send", "app": "webhook", "action": "send_webhook", "inputs": {"payload": "{{ trigger }}"}}],
    }  # fmt: skip
    return (await at.hub.flows.create(definition, publish=True)).flow.id


async def connection_of(at: Callers, role: Role | None = Role.DEVELOPER, name: str = "Shop") -> str:
    """A connection that somebody of a role made; of none: a program."""
    actor = Actor(kind="person", id=await person_id(at, role), name="x") if role else SOMEBODY
    fields = {"url": "https://example.com/in", "signing_secret": "a secret that is long enough"}
    with acting(actor):
        return (await at.hub.connections.create(app="webhook", name=name, fields=fields, skip_test=True)).id


async def bound(at: Callers, connection: str, *, flow: str = "", enabled: bool = True) -> str:
    """A flow connection that uses it."""
    with acting(SOMEBODY):
        made = await at.hub.flow_connections.create(
            flow_id=flow or await flow_of(at), name="Live", bindings={"send": connection}, enabled=enabled
        )
    return made.flow_connection.id


async def demote(at: Callers) -> None:
    await at.hub.users.change_role(await person_id(at, Role.DEVELOPER), "analyst")


async def said(act: Callable[[], Awaitable[object]]) -> str:
    """What it is refused with."""
    with acting(SOMEBODY), pytest.raises((Conflict, Invalid)) as refused:
        await act()
    assert isinstance(refused.value, ServiceError)
    return refused.value.message


async def test_who_makes_a_connection_owns_it(at: Callers) -> None:
    owner = await at.hub.connections.owner(await connection_of(at))
    assert (owner.name, owner.problem) == ("Developer", "")


async def test_what_a_program_makes_is_the_administrators(at: Callers) -> None:
    owner = await at.hub.connections.owner(await connection_of(at, None))
    assert (owner.id, owner.problem) == ("", "")


async def test_the_page_names_the_owner(at: Callers) -> None:
    mine, programs = await connection_of(at), await connection_of(at, None, "Other")
    developer = at.people[Role.DEVELOPER]
    assert "Owner Developer" in (await developer.get(f"/connections/{mine}")).words
    assert "Owner The administrators" in (await developer.get(f"/connections/{programs}")).words


@pytest.mark.parametrize("becomes", ["analyst", "product_manager"])
async def test_of_an_owner_who_may_not_run_flows_nothing_is_bound(at: Callers, becomes: str) -> None:
    connection, flow = await connection_of(at), await flow_of(at)
    await at.hub.users.change_role(await person_id(at, Role.DEVELOPER), becomes)
    message = await said(lambda: at.hub.flow_connections.create(flow_id=flow, name="x", bindings={"send": connection}))
    assert message.startswith("Shop belongs to Developer, who has the role")
    assert "An administrator can take it over" in message


async def test_of_an_owner_who_is_deactivated_nothing_is_bound(at: Callers) -> None:
    connection, flow = await connection_of(at), await flow_of(at)
    await at.hub.users.deactivate(await person_id(at, Role.DEVELOPER))
    message = await said(lambda: at.hub.flow_connections.create(flow_id=flow, name="x", bindings={"send": connection}))
    assert "who is deactivated" in message


async def test_the_refusal_is_said_at_the_place(at: Callers) -> None:
    connection, flow = await connection_of(at), await flow_of(at)
    await demote(at)
    with acting(SOMEBODY), pytest.raises(Invalid) as refused:
        await at.hub.flow_connections.create(flow_id=flow, name="x", bindings={"send": connection})
    assert refused.value.field == "bindings.send"


async def test_nothing_is_enabled_bound_anew_or_triggered_with_it(at: Callers) -> None:
    connection = await connection_of(at)
    link, off = await bound(at, connection), await bound(at, connection, flow=await flow_of(at), enabled=False)
    await demote(at)
    for act in (
        lambda: at.hub.flow_connections.enable(off),
        lambda: at.hub.flow_connections.update(off, bindings={"send": connection}),
        lambda: at.hub.flow_connections.trigger_now(link, {"id": 1}),
    ):
        assert "belongs to Developer" in await said(act)


async def test_it_can_be_switched_off_and_renamed_all_the_same(at: Callers) -> None:
    link = await bound(at, await connection_of(at))
    await demote(at)
    with acting(SOMEBODY):
        assert (await at.hub.flow_connections.update(link, name="Old")).name == "Old"
        assert not (await at.hub.flow_connections.disable(link)).enabled


async def a_run(at: Callers, link: str) -> str:
    """A run that was cancelled."""
    with acting(SOMEBODY):
        run_id = (await at.hub.flow_connections.trigger_now(link, {"id": 1})).run_ids[0]
        await at.hub.runs.cancel(run_id)
    return run_id


async def test_runs_are_neither_resumed_nor_replayed_by_hand(at: Callers) -> None:
    run_id = await a_run(at, await bound(at, await connection_of(at)))
    await demote(at)
    for act in (lambda: at.hub.runs.resume(run_id), lambda: at.hub.runs.replay(run_id)):
        assert "belongs to Developer" in await said(act)
    with acting(SOMEBODY):
        assert await at.hub.runs.bulk(RunFilter(ids=(run_id,)), BulkAction.RESUME) == 0


async def test_what_runs_already_goes_on(at: Callers) -> None:
    run_id = await a_run(at, await bound(at, await connection_of(at)))
    await demote(at)
    with acting(WORKER):
        assert (await at.hub.runs.resume(run_id)).state == "queued"


async def test_events_still_start_runs(at: Callers) -> None:
    link = await bound(at, await connection_of(at))
    await demote(at)
    view = await at.hub.flow_connections.get(link)
    assert view.enabled


async def test_an_administrator_takes_it_over_on_its_page(at: Callers) -> None:
    connection = await connection_of(at)
    link = await bound(at, connection)
    await demote(at)
    owner = at.people[Role.ADMINISTRATOR]
    page = await owner.get(f"/connections/{connection}")
    assert "Nothing new may begin on it" in page.words
    assert "Take over" in page.words
    assert (await owner.post(f"/connections/{connection}/take-over")).status == 303
    assert "Nothing new may begin" not in (await owner.get(f"/connections/{connection}")).words
    assert (await at.hub.connections.owner(connection)).name == "Mira Kapoor"
    with acting(SOMEBODY):
        assert (await at.hub.flow_connections.trigger_now(link, {"id": 2})).run_ids
    entry = (await at.hub.audit.find(AuditFilter(noun="connection"))).items[0]
    assert (entry.actor_name, list(entry.changes)) == ("Mira Kapoor", ["owner_id"])


async def test_nobody_else_takes_it_over(at: Callers) -> None:
    connection = await connection_of(at, Role.ADMINISTRATOR)
    developer = at.people[Role.DEVELOPER]
    assert "Take over" not in (await developer.get(f"/connections/{connection}")).words
    assert (await developer.post(f"/connections/{connection}/take-over")).status == 403
    assert (await at.hub.connections.owner(connection)).name == "Mira Kapoor"


async def test_a_connection_in_use_is_not_deleted_and_the_refusal_says_where(at: Callers) -> None:
    connection = await connection_of(at)
    await bound(at, connection)
    with pytest.raises(Conflict, match=r"Shop is used by Live \(Orders\)"):
        await at.hub.connections.delete(connection)
    answer = await at.people[Role.DEVELOPER].post(f"/connections/{connection}/delete", {"confirm": "Shop"})
    assert answer.status == 422
    assert "Orders" in answer.words
