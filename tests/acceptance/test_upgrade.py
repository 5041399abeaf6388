"""An upgrade while work goes on: servers and workers of two releases side by side, and one too old that refuses to start."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from tests.acceptance.process import AFFLUENT, Caller, Process, calling, free_port, new_token, started
from tests.support.apps import Say, local_vendor
from tests.support.filling import columns, contents, fill
from tests.support.releases import next_release, release_after

pytestmark = pytest.mark.empty_database

STATES = ("queued", "running", "waiting", "paused")
LOOSE = {"AFFLUENT_ALLOW_PRIVATE_ADDRESSES": "true", "AFFLUENT_SETTLE_SECONDS": "0"}


async def affluent(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command of some release, run to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [AFFLUENT, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "300", **environment},
    )


async def switched_on(call: Caller, url: str) -> str:
    """A flow that sends an order to the shop; the id of its flow connection."""
    inputs = {"method": "POST", "url": f"{url}/orders", "body": {"id": "{{ trigger.body.id }}"}}
    definition = {
        "name": "Orders",
        "type": "inbound",
        "trigger": {"app": "webhook", "trigger": "received"},
        "steps": [{"id": "order", "app": "http", "action": "request", "inputs": inputs}],
    }
    made = await call("POST", "/api/v1/flows", {"definition": definition, "publish": True})
    wanted = {"flow_id": made["flow"]["id"], "name": "Production"}
    return str((await call("POST", "/api/v1/flow-connections", wanted))["flow_connection"]["id"])


class Customers:
    """They order one thing after the other until told to stop."""

    def __init__(self, call: Caller, link: str) -> None:
        self._call, self._link = call, link
        self.ordered: list[str] = []
        self._leaving = False
        self._task = asyncio.create_task(self._order())

    async def _order(self) -> None:
        while not self._leaving:
            number = f"order-{len(self.ordered)}"
            payload = {"body": {"id": number}, "headers": {}, "method": "POST", "query": {}}
            await self._call("POST", f"/api/v1/flow-connections/{self._link}/trigger", {"payload": payload})
            self.ordered.append(number)
            await asyncio.sleep(0.01)

    async def more(self, number: int) -> None:
        """Wait until so many more were ordered."""
        wanted = len(self.ordered) + number
        while len(self.ordered) < wanted and not self._task.done():
            await asyncio.sleep(0.01)

    async def leave(self) -> list[str]:
        """Stop ordering; all that was ordered."""
        self._leaving = True
        await self._task
        return self.ordered


async def executed(port: int) -> float:
    """How many runs the worker behind this port has brought to their end."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    return sum(
        float(value)
        for value in re.findall(r'^affluent_runs_ended_total\{[^}]*"succeeded"\} (\S+)', text, re.MULTILINE)
    )


async def has_executed(port: int, number: int = 20) -> None:
    """Wait until a worker has done its share."""
    async with asyncio.timeout(40):
        while await executed(port) < number:
            await asyncio.sleep(0.05)


def worker(store: dict[str, str], url: str, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    return ("worker", "--public-url", url, "--metrics-port", str(port)), {**LOOSE, **store}


@pytest.mark.timeout(180)
async def test_workers_of_two_releases_share_the_work_while_the_database_is_migrated_under_them(
    tmp_path: Path, postgresql_url: str
) -> None:
    store = {"AFFLUENT_DATABASE_URL": postgresql_url, "AFFLUENT_DATA_DIR": str(tmp_path / "data")}
    later = {**store, **next_release(tmp_path / "next")}
    ports = [free_port() for _ in range(3)]
    async with (
        local_vendor(lambda _call: Say(body={"ok": True}), seconds=0.02) as shop,
        started("serve", "--no-execute", "--port", "0", **LOOSE, **store) as (server, url),
        calling(url, await new_token(server)) as call,
    ):
        customers = Customers(call, await switched_on(call, shop.url))
        arguments, environment = worker(store, url, ports[0])
        old = Process(arguments, environment)
        await old.start()
        await has_executed(ports[0])

        migrated = await affluent("migrate", **later)  # under the server and the worker of the release before
        assert migrated.returncode == 0, migrated.stderr
        assert migrated.stdout.startswith("The database is at 9001; it was at")
        before = await executed(ports[0])

        arguments, environment = worker(later, url, ports[1])
        async with started(*arguments, **environment):  # both releases side by side
            await has_executed(ports[1])
            await has_executed(ports[0], int(before) + 20)
            assert await old.stop() == 0
            await customers.more(20)
            again, environment = worker(store, url, ports[2])
            async with started(*again, **environment):  # and the release before may even start anew
                await has_executed(ports[2])
                ordered = await customers.leave()
                await settled(call)
        counts = await call("GET", f"/api/v1/runs?{'&'.join(f'states={one}' for one in ('failed', 'unknown'))}&limit=1")
    assert counts["items"] == []
    assert Counter(order.body["id"] for order in shop.calls) == dict.fromkeys(ordered, 1)
    sealed = await affluent("ledger", "verify", **store)
    assert sealed.returncode == 0, sealed.stdout + sealed.stderr


async def settled(call: Caller) -> None:
    """Wait until no run is left."""
    async with asyncio.timeout(60):
        while (await call("GET", f"/api/v1/runs?{'&'.join(f'states={one}' for one in STATES)}&limit=1"))["items"]:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url, Path())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.timeout(120)
async def test_a_release_that_is_too_old_refuses_and_one_that_may_still_read_does_not_migrate(
    tmp_path: Path, database_url: str
) -> None:
    store = {"AFFLUENT_DATABASE_URL": database_url, "AFFLUENT_DATA_DIR": str(tmp_path / "data")}
    second = {**store, **next_release(tmp_path / "second")}
    third = {**store, **release_after(second, tmp_path / "third")}
    async with opened(database_url) as database:
        await schema.upgrade(database)
        await database.write(fill)
        there, before = await database.read(columns), await database.read(contents)

        assert (await affluent("migrate", **second)).returncode == 0
        kept = await database.read(lambda connection: contents(connection, there))
        assert kept == {**before, "notes": kept["notes"], "later_things": kept["later_things"]}
        beside = await affluent("migrate", **store)
        assert beside.returncode == 0, beside.stderr
        assert "of a newer release" in beside.stdout
        assert await database.read(schema.revision) == "9001"

        assert (await affluent("migrate", **third)).returncode == 0
        for release, knows, *command in (
            (store, schema.head(), "serve", "--port", "0"),
            (store, schema.head(), "doctor", "--offline"),
            (second, "9001", "migrate"),
        ):
            refused = await affluent(*command, **release)
            assert refused.returncode == 1
            said = " ".join((refused.stdout + refused.stderr).split())
            assert f"at 9002, which a newer release made; this release knows up to {knows}" in said
            assert "Traceback" not in said
        assert await database.read(schema.revision) == "9002"
        kept = await database.read(lambda connection: contents(connection, there))
        assert {name: kept[name] for name in before if name != "notes"} == {
            name: told for name, told in before.items() if name != "notes"
        }


async def test_a_worker_that_is_too_old_refuses_to_start(tmp_path: Path, postgresql_url: str) -> None:
    store = {"AFFLUENT_DATABASE_URL": postgresql_url, "AFFLUENT_DATA_DIR": str(tmp_path / "data")}
    second = {**store, **next_release(tmp_path / "second")}
    assert (await affluent("migrate", **release_after(second, tmp_path / "third"))).returncode == 0
    refused = await affluent("worker", **store)
    assert refused.returncode == 1
    assert "Install the newer release here, too" in " ".join(refused.stderr.split())
