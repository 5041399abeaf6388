"""Runs the background jobs of flow connections: polls, backfills, schedules, missed webhooks and registrations."""

from __future__ import annotations

import asyncio
from time import monotonic

from affluent.bootstrap import Hub
from affluent.kit.logs import logger
from affluent.store.database import StoreUnavailable

_log = logger("background-jobs")
_FIND_SECONDS = 3.0
_LOOK_SECONDS = 0.5
_AWAY_SECONDS = 3.0
_AT_ONCE = 8


async def attend(hub: Hub) -> None:
    """Find and run background jobs until cancelled. Raises StoreUnavailable at the start only; later it waits and goes on."""
    running: set[asyncio.Task[None]] = set()
    found_at = -_FIND_SECONDS
    await hub.background_jobs.take_over()
    async with asyncio.TaskGroup() as group:
        while True:
            try:
                if monotonic() - found_at >= _FIND_SECONDS:
                    await hub.background_jobs.find()
                    found_at = monotonic()
                due = await hub.background_jobs.take(_AT_ONCE - len(running)) if len(running) < _AT_ONCE else ()
            except StoreUnavailable as error:
                _log.warning("background jobs wait for the database", reason=str(error))
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            for job in due:
                task = group.create_task(hub.background_jobs.perform(job), name=f"{job.kind}-{job.flow_connection_id}")
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(_LOOK_SECONDS)
