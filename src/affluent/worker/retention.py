"""Deletes what was kept long enough."""

from __future__ import annotations

from datetime import timedelta

from affluent.bootstrap import Hub
from affluent.kit.logs import logger
from affluent.services.retention import forget_answers

_log = logger("retention")


async def forget_deliveries(hub: Hub) -> None:
    """Delete deliveries that are old, and refused ones that are too many."""
    hub.retention.keep = timedelta(days=(await hub.options.current()).deliveries_days)
    deleted = await hub.retention.sweep()
    if deleted:
        _log.info("deleted old deliveries", deliveries=deleted)


async def forget_attempts(hub: Hub) -> None:
    """Delete the requests and answers of runs that ended well long ago."""
    keep = timedelta(days=(await hub.options.current()).attempts_days)
    deleted = await forget_answers(hub.database, keep)
    if deleted:
        _log.info("deleted old attempts", attempts=deleted)
