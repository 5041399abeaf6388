"""Servers on a local port, in the loop of the test."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from aiohttp import web
from starlette.types import ASGIApp

from affluent.server.process import address, bind


@asynccontextmanager
async def served(application: ASGIApp, sock: socket.socket | None = None) -> AsyncIterator[str]:
    """An ASGI application on a bound socket, else on a free port; gives its URL.

    uvicorn's own loop is left out: it looks every 100 ms whether it should end, which each test would wait for.
    """
    listening = sock or bind("127.0.0.1", 0)
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield address(listening)
    finally:
        for protocol in list(server.server_state.connections):
            protocol.shutdown()
        for each in server.servers:
            each.close()
            await each.wait_closed()
        listening.close()


@asynccontextmanager
async def answering(application: web.Application, *, shutdown_seconds: float = 60) -> AsyncIterator[str]:
    """An aiohttp application on a free port; gives its URL."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
