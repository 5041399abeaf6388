"""Deletes what was kept long enough."""

from __future__ import annotations

from affluent.bootstrap import Hub
from affluent.kit.logs import logger

_log = logger("retention")


async def forget_deliveries(hub: Hub) -> None:
    """Delete deliveries that are old, and refused ones that are too many."""
    deleted = await hub.retention.sweep()
    if deleted:
        _log.info("deleted old deliveries", deliveries=deleted)
