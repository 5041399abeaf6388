"""The whole product in a thread of this process, with the vendors' twins, on free ports of the loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from affluent.bootstrap import Hub, build
from affluent.sdk.twin import Twin
from affluent.server.process import address, bind, running, serving
from affluent.server.twins import twins_application
from affluent.settings import Settings

T = TypeVar("T")
_PATIENCE_SECONDS = 30


@dataclass
class Served:
    """A running server. `call` runs a coroutine of its services in its own loop."""

    hub: Hub
    url: str
    twins_url: str
    twins: dict[str, Twin]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for what a service answers."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_PATIENCE_SECONDS)


@contextmanager
def served(folder: Path, database_url: str = "", *, port: int = 0) -> Iterator[Served]:
    """Started when the context begins, stopped when it ends; on a port that was known before, or any free one."""
    ready, stop = threading.Event(), asyncio.Event()
    made: list[Served] = []
    failed: list[BaseException] = []

    async def run() -> None:
        async with _server(folder, database_url, port) as it:
            made.append(it)
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="server")
    thread.start()
    ready.wait(_PATIENCE_SECONDS)
    try:
        if failed:
            raise failed[0]
        yield made[0]
    finally:
        if made:
            made[0].loop.call_soon_threadsafe(stop.set)
        thread.join(_PATIENCE_SECONDS)


@asynccontextmanager
async def _server(folder: Path, database_url: str, port: int) -> AsyncIterator[Served]:
    own, vendors = bind("127.0.0.1", port), bind("127.0.0.1", 0)
    hub = build(
        Settings(data_dir=folder, allow_private_addresses=True, database_url=database_url), own_url=address(own)
    )
    twins = hub.catalog.twins()
    async with serving(twins_application(twins), [vendors]), running(hub, own):
        yield Served(hub, address(own), address(vendors), {twin.key: twin for twin in twins})
