"""Deletes data that is older than its retention period."""

from __future__ import annotations

from datetime import timedelta

from affluent.bootstrap import Hub
from affluent.kit.logs import logger
from affluent.services.inbound.deliveries import drop_surplus
from affluent.services.operations.retention import forget
from affluent.store.retention import ATTEMPTS, DELIVERIES, EVENTS, RUNS

_log = logger("retention")


async def forget_old(hub: Hub) -> None:
    """Delete what is older than the retention settings, kind by kind; 0 days keep a kind for ever."""
    settings = await hub.options.current()
    kinds = (
        (DELIVERIES, settings.deliveries_days),
        (ATTEMPTS, settings.attempts_days),
        (RUNS, settings.runs_days),
        (EVENTS, settings.events_days),
    )
    for kind, days in kinds:
        deleted = await forget(hub.database, kind, timedelta(days=days)) if days else 0
        if deleted:
            _log.info("deleted data past its retention period", kind=kind.name, rows=deleted)


async def drop_refused(hub: Hub) -> None:
    """Delete the oldest refused deliveries beyond the number that is kept."""
    dropped = await drop_surplus(hub.database)
    if dropped:
        _log.info("dropped refused deliveries", deliveries=dropped)
