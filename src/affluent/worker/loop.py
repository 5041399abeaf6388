"""Executes runs in this process, and repeats the periodic tasks around them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from affluent.bootstrap import Hub
from affluent.kit.logs import logger
from affluent.services.operations.server_settings import wishes
from affluent.store.database import StoreUnavailable
from affluent.worker.background_jobs import attend
from affluent.worker.retention import drop_refused, forget_old

_log = logger("worker")

Sweep = Callable[[Hub], Awaitable[object]]


class Worker:
    """Starts and stops what executes runs in this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to execute runs and to repeat the periodic tasks."""
        await self._hub.dispatcher.start()
        for seconds, sweep in _SWEEPS:
            self._tasks.append(asyncio.create_task(self._repeat(sweep, seconds), name=f"sweep-{sweep.__name__}"))

    async def stop(self) -> None:
        """Finish the runs that are executed, or hand them back, within ten seconds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hub.dispatcher.stop()

    async def _repeat(self, sweep: Sweep, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await sweep(self._hub)
            except StoreUnavailable as error:
                _log.warning("sweep waits for the database", sweep=sweep.__name__, reason=str(error))
            except Exception:  # noqa: BLE001 - a sweep that fails is logged and tried again
                _log.exception("sweep failed", sweep=sweep.__name__)


async def settle_unknown(hub: Hub) -> None:
    """Ask vendors about effects whose fate is unknown."""
    settled = await hub.runs.settle_unknown(hub.catalog.apps)
    if settled:
        _log.info("asked about unknown effects", runs=settled)


async def requeue_lost(hub: Hub) -> None:
    """Queue runs again that no worker has leased."""
    requeued = await hub.requeue_lost()
    if requeued:
        _log.warning("queued runs again that no worker had leased", runs=requeued)


async def reconcile(hub: Hub) -> None:
    """Begin the nightly statement, and go on with statements that no process works on."""
    await hub.nightly.sweep()


async def take_up(hub: Hub) -> None:
    """Go on with runs whose outcomes are due to be taken up again."""
    await hub.taking_up.wait()
    await hub.taking_up.sweep()


async def keep_heads(hub: Hub) -> None:
    """Copy the heads of the ledger to a file outside the database."""
    await hub.ledgers.keep_heads()


async def note_progress(hub: Hub) -> None:
    """Let the other processes know when a run last went on in this one."""
    await hub.progress.note()


async def alert(hub: Hub) -> None:
    """Send alerts about what people must look at."""
    hub.alerts.wishes = wishes(await hub.options.current())
    await hub.alerts.sweep(hub.payouts)


_SWEEPS: tuple[tuple[float, Sweep], ...] = (
    (60, settle_unknown),
    (30, requeue_lost),
    (1, attend),
    (0, take_up),
    (5, note_progress),
    (2, reconcile),
    (60, alert),
    (300, drop_refused),
    (300, keep_heads),
    (3600, forget_old),
)
