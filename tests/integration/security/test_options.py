"""Settings that an administrator changes while the server runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from affluent.bootstrap import Hub, build
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.services.errors import Conflict, NotFound
from affluent.services.identity.roles import Role
from affluent.services.operations.audit import AuditFilter
from affluent.services.operations.server_settings import CHANGEABLE, wishes
from affluent.settings import Settings
from affluent.store import server_settings as store
from affluent.store import tables
from affluent.worker.loop import alert
from affluent.worker.retention import forget_old
from tests.integration.security.callers import Callers, callers
from tests.integration.web.browser import SERVER

PAGE = "/admin/settings"
HOOK = "https://chat.example/hook/made-up-secret"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


async def save(at: Callers, name: str, value: str) -> int:
    return (await at.people[Role.ADMINISTRATOR].post(f"{PAGE}/{name}", {name: value})).status


async def test_a_changed_value_is_shown_with_where_it_comes_from_and_holds(at: Callers) -> None:
    assert await save(at, "deliveries_days", "7") == 303
    page = await at.people[Role.ADMINISTRATOR].get(PAGE)
    assert "Set here" in page.words
    assert 'name="deliveries_days" type="text" value="7"' in page.text
    assert (await at.hub.options.current()).deliveries_days == 7


async def test_back_to_the_default(at: Callers) -> None:
    await save(at, "deliveries_days", "7")
    assert (await at.people[Role.ADMINISTRATOR].post(f"{PAGE}/deliveries_days/reset")).status == 303
    assert (await at.hub.options.current()).deliveries_days == 30
    assert "Set here" not in (await at.people[Role.ADMINISTRATOR].get(PAGE)).words


@pytest.mark.parametrize(
    ("name", "value"),
    [("deliveries_days", "0"), ("deliveries_days", "many"), ("attempts_days", "99999"), ("alerts_failures", ""),
     ("requests_per_minute", "-1"), ("alerts_queue_minutes", "1.5"), ("alerts_from", "a\x07b"), ("alerts_to", "x" * 2_001)],
)  # fmt: skip
async def test_what_a_variable_would_refuse_is_refused_at_the_field(at: Callers, name: str, value: str) -> None:
    answer = await at.people[Role.ADMINISTRATOR].post(f"{PAGE}/{name}", {name: value})
    assert answer.status == 422
    assert 'aria-invalid="true"' in answer.text
    assert await at.hub.database.read(store.all_options) == {}


async def test_a_secret_saved_as_its_empty_field_is_kept(at: Callers) -> None:
    await save(at, "alerts_to", HOOK)
    answer = await at.people[Role.ADMINISTRATOR].post(f"{PAGE}/alerts_to", {"alerts_to": ""})
    assert (answer.status, "Type the new value" in answer.text) == (422, True)
    assert (await at.hub.options.current()).alerts_to.get_secret_value() == HOOK


async def test_what_the_environment_sets_is_locked(tmp_path: Path) -> None:
    async with callers(tmp_path, deliveries_days=9) as at:
        await at.hub.database.write(
            lambda c: store.put(c, {"id": "deliveries_days", "value": 5, "secret": None, "updated_at": _now()})
        )
        page = await at.people[Role.ADMINISTRATOR].get(PAGE)
        assert "Set by the server's environment" in page.words
        assert 'name="deliveries_days"' not in page.text
        assert await save(at, "deliveries_days", "7") == 409
        with pytest.raises(Conflict, match="environment"):
            await at.hub.options.reset("deliveries_days")
        assert (await at.hub.options.current()).deliveries_days == 9


def _now() -> object:
    from affluent.kit import clock

    return clock.now()


async def test_a_setting_of_the_start_cannot_be_changed_here(at: Callers) -> None:
    assert await save(at, "port", "1") == 409
    assert await save(at, "nothing", "1") == 404
    with pytest.raises(NotFound):
        await at.hub.options.reset("nothing")


async def test_a_secret_is_kept_sealed_and_shown_nowhere(at: Callers) -> None:
    assert await save(at, "alerts_to", HOOK) == 303
    page = await at.people[Role.ADMINISTRATOR].get(PAGE)
    assert HOOK not in page.text
    assert "stored, encrypted" in page.text
    row = (await at.hub.database.read(store.all_options))["alerts_to"]
    assert HOOK.encode() not in row.secret
    assert row.value is None
    assert (await at.hub.options.current()).alerts_to.get_secret_value() == HOOK
    log = await at.hub.audit.find(AuditFilter(noun="server setting"))
    assert HOOK not in str(log)


async def test_every_change_is_in_the_audit_log(at: Callers) -> None:
    await save(at, "deliveries_days", "7")
    await save(at, "deliveries_days", "8")
    entries = (await at.hub.audit.find(AuditFilter(noun="server setting"))).items
    assert [(one.action, one.actor_name, one.changes["value"]) for one in entries] == [
        ("changed", "Mira Kapoor", [7, 8]),
        ("created", "Mira Kapoor", [None, 7]),
    ]


async def test_only_administrators_change_settings(at: Callers) -> None:
    for role in set(Role) - {Role.ADMINISTRATOR}:
        assert (await at.people[role].post(f"{PAGE}/deliveries_days", {"deliveries_days": "7"})).status == 403


@pytest.fixture
async def other(at: Callers) -> AsyncIterator[Hub]:
    """Another process on the same database."""
    hub = build(Settings(data_dir=at.hub.settings.data_dir), own_url=SERVER)
    await hub.open()
    yield hub
    await hub.close()


async def test_another_process_takes_it_over_within_seconds(
    at: Callers, other: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from affluent.services.operations import server_settings as options

    assert (await other.options.current()).deliveries_days == 30
    await save(at, "deliveries_days", "7")
    before = options.monotonic()
    monkeypatch.setattr(options, "monotonic", lambda: before + 11)
    assert (await other.options.current()).deliveries_days == 7


def delivery(days: int) -> dict[str, Any]:
    """One that came so many days ago."""
    at = clock.now().replace(hour=0) - timedelta(days=days)
    return {
        "id": first_id("dlv", at.replace(minute=0, second=0, microsecond=0)), "flow_connection_id": "fco_1",
        "received_at": at, "verdict": "accepted", "status": 200, "headers": {}, "body": "", "event_id": None,
    }  # fmt: skip


async def test_the_sweeps_work_by_what_was_changed(at: Callers) -> None:
    for name, value in {
        "deliveries_days": "7",
        "alerts_to": "",
        "alerts_failures": "3",
        "alerts_queue_minutes": "5",
    }.items():
        assert await save(at, name, value) == 303
    await at.hub.database.write(
        lambda c: [c.execute(insert(tables.deliveries).values(delivery(days))) for days in (6, 8)]
    )
    await forget_old(at.hub)
    await alert(at.hub)
    kept = await at.hub.database.read(lambda c: c.execute(select(tables.deliveries.c.id)).scalars().all())
    assert kept == [delivery(6)["id"]]
    assert (at.hub.alerts.wishes.failures, at.hub.alerts.wishes.queue_age) == (3, timedelta(minutes=5))


async def test_the_limit_of_requests_holds_from_the_next_one_on(at: Callers) -> None:
    assert await save(at, "requests_per_minute", "2") == 303
    answers = [(await at.stranger().get("/sign-in")).status for _ in range(4)]
    assert answers[-1] == 429
    assert (await at.stranger().get("/healthz")).status == 200


async def test_what_another_release_kept_and_this_one_refuses_is_left_out(at: Callers) -> None:
    for name, value in (("deliveries_days", "never"), ("of_the_future", 1)):
        row = {"id": name, "value": value, "secret": None, "updated_at": _now()}
        await at.hub.database.write(lambda c, row=row: store.put(c, row))
    assert (await at.hub.options.current()).deliveries_days == 30
    assert (await at.people[Role.ADMINISTRATOR].get(PAGE)).status == 200


def test_alerts_go_where_the_settings_say() -> None:
    told = wishes(Settings(alerts_to="mailto:a@example.com, slack:https://chat.example/1,", alerts_failures=4))
    assert told.targets == ("mailto:a@example.com", "slack:https://chat.example/1")
    assert told.failures == 4


def test_only_what_is_looked_at_again_can_be_changed() -> None:
    assert set(CHANGEABLE) <= set(Settings.model_fields)
    assert not {"data_dir", "database_url", "master_key", "allow_private_addresses", "port"} & set(CHANGEABLE)


async def test_the_command_says_where_each_value_comes_from(
    at: Callers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    from affluent.cli.settings import settings
    from affluent.kit.jsons import loads

    await save(at, "deliveries_days", "7")
    await save(at, "alerts_to", HOOK)
    monkeypatch.setenv("AFFLUENT_DATA_DIR", str(at.hub.settings.data_dir))
    monkeypatch.setenv("AFFLUENT_ATTEMPTS_DAYS", "11")
    await asyncio.to_thread(settings, as_json=True)
    told = {row["setting"]: (row["value"], row["from"]) for row in loads(capsys.readouterr().out)}
    assert told["deliveries_days"] == ("7", "Admin Center")
    assert told["alerts_to"] == ("set, not shown", "Admin Center")
    assert told["attempts_days"] == ("11", "variable")
    assert told["port"] == ("8080", "default")
