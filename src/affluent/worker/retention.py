"""Takes what was kept long enough."""

from __future__ import annotations

from datetime import timedelta

from affluent.bootstrap import Hub
from affluent.kit.logs import logger
from affluent.services.inbound.deliveries import drop_surplus
from affluent.services.operations.retention import forget
from affluent.store.retention import ATTEMPTS, DELIVERIES, EVENTS, RUNS

_log = logger("retention")


async def forget_old(hub: Hub) -> None:
    """Take what is older than the settings say, kind by kind; 0 days: for ever."""
    settings = await hub.options.current()
    kinds = (
        (DELIVERIES, settings.deliveries_days),
        (ATTEMPTS, settings.attempts_days),
        (RUNS, settings.runs_days),
        (EVENTS, settings.events_days),
    )
    for kind, days in kinds:
        taken = await forget(hub.database, kind, timedelta(days=days)) if days else 0
        if taken:
            _log.info("took what was kept long enough", kind=kind.name, rows=taken)


async def drop_refused(hub: Hub) -> None:
    """Delete refused deliveries that are too many."""
    dropped = await drop_surplus(hub.database)
    if dropped:
        _log.info("dropped refused deliveries", deliveries=dropped)
