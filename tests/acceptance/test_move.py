"""From SQLite to PostgreSQL with runs in flight: every row arrives, every run ends, nothing is sent twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from affluent.bootstrap import Hub, build
from affluent.domain.flow import FlowDefinition
from affluent.services.flow_files.model import FileFlowConnection, FlowFile
from affluent.settings import Settings
from affluent.store.runs import RunFilter
from affluent.worker.loop import Worker
from tests.acceptance.test_commands import affluent
from tests.support.apps import Say, local_vendor

pytestmark = pytest.mark.empty_database

EVENTS = 12
UNFINISHED = ("queued", "running", "waiting", "paused")


@asynccontextmanager
async def opened(folder: Path, database_url: str = "") -> AsyncIterator[Hub]:
    settings = Settings(data_dir=folder, database_url=database_url, allow_private_addresses=True, settle_seconds=0)
    hub = build(settings, own_url="http://127.0.0.1:1")
    await hub.open()
    try:
        yield hub
    finally:
        await hub.close()


def shop(url: str) -> FlowFile:
    inputs = {"method": "POST", "url": f"{url}/orders", "body": {"id": "{{ trigger.body.id }}"}}
    definition = {
        "name": "Orders",
        "type": "inbound",
        "trigger": {"app": "webhook", "trigger": "received"},
        "steps": [{"id": "order", "app": "http", "action": "request", "inputs": inputs}],
    }
    return FlowFile(
        flows=(FlowDefinition.model_validate(definition),),
        flow_connections=(FileFlowConnection(flow="Orders", name="Production"),),
    )


async def test_everything_is_moved_and_what_was_in_flight_ends_there(tmp_path: Path, postgresql_url: str) -> None:
    async with local_vendor(lambda _call: Say(body={"ok": True})) as there:
        async with opened(tmp_path) as hub:
            await hub.files.apply(shop(there.url))
            (link,) = (await hub.flow_connections.list()).items
            for number in range(EVENTS):
                payload = {"body": {"id": f"order-{number}"}, "headers": {}, "method": "POST", "query": {}}
                await hub.flow_connections.trigger_now(link.id, payload)
            running = "UPDATE runs SET state = 'running', lease = lease + 1 WHERE id = (SELECT min(id) FROM runs)"
            await hub.database.write(lambda connection: connection.execute(text(running)))
        moved = await asyncio.to_thread(affluent, "move", "--to", postgresql_url, "--data-dir", str(tmp_path), "--json")
        assert moved.returncode == 0, moved.stderr
        told = json.loads(moved.stdout)
        assert (told["unfinished"], told["queued"]) == (EVENTS, EVENTS)
        async with opened(tmp_path, postgresql_url) as hub:
            worker = Worker(hub)
            await worker.start()
            async with asyncio.timeout(40):
                while await hub.runs.find(RunFilter(states=UNFINISHED), limit=1):
                    await asyncio.sleep(0.05)
            await worker.stop()
            ended = await hub.runs.find(RunFilter(), limit=200)
            assert Counter(run.state for run in ended) == {"succeeded": EVENTS}
            assert (await hub.ledgers.verify({})).problems == []
    seen = Counter(call.body["id"] for call in there.calls)
    assert seen == {f"order-{number}": 1 for number in range(EVENTS)}


async def test_a_database_that_is_not_empty_is_refused_and_stays(tmp_path: Path, postgresql_url: str) -> None:
    async with opened(tmp_path / "there", postgresql_url) as hub:
        before = await hub.runs.counts()
    async with opened(tmp_path):
        pass
    refused = await asyncio.to_thread(affluent, "move", "--to", postgresql_url, "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    async with opened(tmp_path / "there", postgresql_url) as hub:
        assert await hub.runs.counts() == before
