"""The whole product as processes: `affluent serve` and `affluent twins`, started, killed and started again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from typer.testing import CliRunner, Result

from affluent.cli.main import app
from affluent.kit.jsons import loads

AFFLUENT = Path(sys.executable).with_name("affluent")
_READY = re.compile(r"(?:is ready at|firstpromoter:) (http://\S+)|^Worker is ready", re.MULTILINE)


@dataclass
class Process:
    """One `affluent` process and what it has printed."""

    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    output: str = ""
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    async def start(self, *, within_seconds: float = 30) -> str:
        """Start it and wait until it is ready; returns the URL it printed."""
        self.output = ""
        self._process = await asyncio.create_subprocess_exec(
            str(AFFLUENT),
            *self.arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **self.environment},
        )
        ready = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(self._process, ready))
        async with asyncio.timeout(within_seconds):
            return str(await ready)

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Future[str]) -> None:
        if process.stdout is None:
            raise AssertionError("output is piped")
        while line := await process.stdout.readline():
            self.output += line.decode()
            found = _READY.search(self.output)
            if found and not ready.done():
                ready.set_result(found[1] or "")
        if not ready.done():
            ready.set_exception(AssertionError(f"affluent {' '.join(self.arguments)} ended:\n{self.output}"))

    async def kill(self) -> None:
        """Kill it as the kernel would: no word of farewell."""
        if self._process is None:
            raise AssertionError("not started")
        self._process.send_signal(signal.SIGKILL)
        await self._ended()

    async def stop(self) -> int:
        """Ask it to stop; returns its exit code."""
        if self._process is None or self._process.returncode is not None:
            return -1
        self._process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        if self._process is None or self._reader is None:
            raise AssertionError("not started")
        code = await self._process.wait()
        await self._reader
        return code


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[tuple[Process, str]]:
    """A process that is ready, and its URL; stopped in the end."""
    process = Process(arguments, environment)
    url = await process.start()
    try:
        yield process, url
    finally:
        await process.stop()


async def command(*arguments: str) -> Result:
    """What a command says. It runs in a thread of this process: to start one of its own takes seconds on a busy machine."""
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == 0, result.output
    return result


async def new_token(server: Process) -> str:
    """The secret of an API token with all scopes, made by the command for the folder or database of a server."""
    options = list(server.arguments)
    folder = options[options.index("--data-dir") :][:2] if "--data-dir" in options else []
    create = ["tokens", "create", "--name", "Test", "--scope", "*:write", *folder]
    made = await asyncio.to_thread(CliRunner(env=server.environment).invoke, app, create)
    assert made.exit_code == 0, made.output
    return str(made.stdout).strip()


def free_port() -> int:
    """A port that is free now, for a server that must come back at the same address."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Caller:
    """Calls a server that may be down for a moment, as a patient client would: it asks again."""

    url: str
    token: str
    session: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, json: Any = None, *, known: tuple[int, ...] = ()) -> Any:
        """The answer's JSON. Statuses in `known` are fine too; others of 400 and more fail the test."""
        async with asyncio.timeout(100):  # a server that is killed five times is away for five starts on a busy machine
            while True:
                try:
                    status, text = await self._ask(method, path, json)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    status, text = 503, ""
                if status != 503:
                    break
                await asyncio.sleep(0.05)
        if status >= 400 and status not in known:
            raise AssertionError(f"{method} {path} answered {status}: {text}")
        return loads(text) if text else None

    async def _ask(self, method: str, path: str, json: Any) -> tuple[int, str]:
        async with self.session.request(
            method,
            self.url + path,
            json=json,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=5),
        ) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def calling(url: str, token: str) -> AsyncIterator[Caller]:
    """A caller of a server."""
    async with aiohttp.ClientSession() as session:
        yield Caller(url, token, session)
