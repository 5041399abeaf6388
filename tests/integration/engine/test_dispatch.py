"""The dispatcher over PostgreSQL begins well where connecting is slow."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pgqueuer.core.qm import QueueManager

from tests.support.engine import engine

STEP = {"id": "a", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}


async def test_a_dispatcher_that_listens_late_hears_its_own_sign_of_life(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    heard: list[str] = []
    listen, ask = asyncpg.Connection.add_listener, QueueManager.listener_healthy

    async def late(connection: Any, channel: str, callback: Any) -> None:
        if channel not in connection._listeners:
            await asyncio.sleep(0.3)
        await listen(connection, channel, callback)

    async def impatient(queuer: QueueManager, **_patience: timedelta) -> Any:
        (line,) = queuer.entrypoint_registry
        asked.append(line)
        said = await ask(queuer, timedelta(seconds=1))
        heard.append(line)
        return said

    monkeypatch.setattr(asyncpg.Connection, "add_listener", late)
    monkeypatch.setattr(QueueManager, "listener_healthy", impatient)
    async with engine(postgresql_url) as made:
        await made.flow(STEP)
        await made.accept("one")
        await made.settle()
        async with asyncio.timeout(5):
            while set(heard) != {"run", "backfill"}:
                await asyncio.sleep(0.02)
        assert sorted(asked) == ["backfill", "run"]  # neither began anew
