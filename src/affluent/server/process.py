"""One process that serves: the hub behind uvicorn, with its worker, and a clean way down."""

from __future__ import annotations

import asyncio
import fcntl
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TextIO

import uvicorn
from starlette.types import ASGIApp

from affluent.bootstrap import Hub
from affluent.kit import memory
from affluent.server.protocol import HEAD_SECONDS, bounded_protocol
from affluent.worker.loop import Worker


class CannotStart(Exception):
    """Something of this machine that the server needs is taken; the message says what and what to do."""


@asynccontextmanager
async def running(hub: Hub, sock: socket.socket, *, execute: bool = True) -> AsyncIterator[None]:
    """The hub open, its worker at work and its pages served, until the context ends."""
    from affluent.server.application import application  # noqa: PLC0415 - pages and API, which no other command needs

    await hub.open()
    worker = Worker(hub)
    try:
        if execute:
            await worker.start()
        app = application(hub)
        memory.settle()
        async with serving(app, [sock], per_address=hub.settings.connections_per_address):
            yield
    finally:
        if execute:
            await worker.stop()
        await hub.close()


@asynccontextmanager
async def serving(
    app: ASGIApp, sockets: Sequence[socket.socket], *, per_address: int = 0, head_seconds: float = HEAD_SECONDS
) -> AsyncIterator[None]:
    """An ASGI application on sockets that are already bound, with at most so many connections per address; 0: any."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=bounded_protocol(per_address, head_seconds=head_seconds),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            timeout_keep_alive=75,  # longer than clients keep theirs, so that none writes into a closing connection
            server_header=False,
            proxy_headers=False,  # which proxies are believed is a setting: server/proxies.py
            date_header=True,
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the command handles signals itself
    server.capture_signals = suppress  # type: ignore[assignment,method-assign]  # nor does uvicorn
    task = asyncio.create_task(server.serve(sockets=list(sockets)), name="http")
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises CannotStart when there is none to be had."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise CannotStart(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}. Choose another port (0 picks a free one)."
        ) from error
    sock.settimeout(0)
    return sock


def address(sock: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104 - compared, not bound


def hold(data_dir: Path) -> TextIO:
    """Hold the data folder for this process; raises CannotStart. Keep the file open as long as it is held."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (data_dir / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise CannotStart(
            f"Another affluent process uses {data_dir}. Stop it, or choose another --data-dir."
        ) from error
    return file
