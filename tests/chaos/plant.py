"""One installation under attack: the product's own processes, a vendor, and somebody who posts webhooks until they are taken."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp

from affluent import bootstrap
from affluent.apps.webhook import signature
from affluent.services.identity.scopes import ALL_SCOPES
from affluent.settings import Settings
from tests.chaos.nursery import APPS
from tests.chaos.sink import Sink

ENVIRONMENT = {
    "AFFLUENT_ALLOW_PRIVATE_ADDRESSES": "true",
    "AFFLUENT_SETTLE_SECONDS": "1",
    "AFFLUENT_REQUEST_TIMEOUT_SECONDS": "2",
    "AFFLUENT_LEASE_SECONDS": "2",
    "AFFLUENT_LOG_LEVEL": "warning",
    "COLUMNS": "200",
}
FLOW = {
    "name": "Chaos",
    "type": "inbound",
    "trigger": {"app": "webhook", "trigger": "received"},
    "steps": [
        {"id": "line", "app": "ledger", "action": "write", "inputs": {"id": "{{ trigger.id }}", "account": "{{ trigger.account_id }}"}},
        {"id": "entry", "app": "ledger", "action": "put", "inputs": {"id": "{{ trigger.id }}"}},
    ],
}  # fmt: skip


@dataclass
class Nursery:
    """Asks for processes; see tests.chaos.nursery."""

    process: asyncio.subprocess.Process

    async def start(self, argv: Sequence[str], *, log: Path, crash_at: str = "", **environment: str) -> int:
        """Start a command; returns its process id at once."""
        wanted = {"argv": list(argv), "environment": ENVIRONMENT | environment, "crash_at": crash_at, "log": str(log)}
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("piped")
        self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        return int(json.loads(await self.process.stdout.readline())["pid"])


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """The parent of all processes of a test; they die with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.nursery", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        await process.wait()


@dataclass
class Plant:
    """The installation. `roles` are its processes: one server, and on PostgreSQL workers beside it."""

    nursery: Nursery
    folder: Path
    database_url: str
    sink: Sink
    session: aiohttp.ClientSession
    port: int
    workers: int
    hook: str = ""
    secret: str = ""
    other_hook: str = ""
    other_secret: str = ""
    token: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    """Account → ids of the events that were acknowledged, in order."""
    deaths: int = 0

    @property
    def url(self) -> str:
        """Where the server listens, whenever it lives."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of all processes."""
        return ("server", *(f"worker-{number}" for number in range(self.workers)))

    @property
    def log(self) -> Path:
        """What all processes wrote."""
        return self.folder / "log"

    def settings(self) -> Settings:
        """The settings of every process, for a look from here."""
        return Settings(
            data_dir=self.folder, database_url=self.database_url, port=self.port, allow_private_addresses=True
        )

    async def connect(self, *, neighbour: Sink | None = None) -> None:
        """A connection, a flow, and the flow switched on; the same once more for a neighbour, whose hook is `other_hook`."""
        with patch.object(bootstrap.catalogs, "load", lambda: APPS):  # as the nursery does
            hub = bootstrap.build(self.settings(), own_url=self.url)
        await hub.open()
        self.token = (await hub.tokens.generate(name="Test", scopes=ALL_SCOPES)).secret
        flow = await hub.flows.create(FLOW, publish=True)

        async def link(name: str, sink: Sink) -> tuple[str, str]:
            connection = await hub.connections.create(
                app="ledger", name=name, fields={"base_url": sink.url}, skip_test=True
            )
            if sink.limit:
                await hub.connections.set_limit(connection.id, requests=sink.limit, seconds=round(sink.window))
            bindings = {"line": connection.id, "entry": connection.id}
            made = await hub.flow_connections.create(flow_id=flow.flow.id, name=name, bindings=bindings)
            return made.flow_connection.webhook_url, made.hook_secret

        self.hook, self.secret = await link("Chaos", self.sink)
        if neighbour is not None:
            self.other_hook, self.other_secret = await link("Neighbour", neighbour)
        await hub.close()

    async def start(self, role: str, *, crash_at: str = "", **environment: str) -> None:
        """Start one process; it is not waited for."""
        options = [f"--data-dir={self.folder}"]
        if self.database_url:
            options.append(f"--database-url={self.database_url}")
        if role == "server":
            argv = ["serve", f"--port={self.port}", *options, *(["--no-execute"] if self.workers else [])]
        else:
            argv = ["worker", *options]
        self.pids[role] = await self.nursery.start(argv, log=self.log, crash_at=crash_at, **environment)

    async def start_all(self) -> None:
        """Start what does not live."""
        for role in self.roles:
            if not self.lives(role):
                await self.start(role)

    async def kill(self, role: str) -> None:
        """Kill -9, if it has not died by itself."""
        with suppress(ProcessLookupError):
            os.kill(self.pids[role], signal.SIGKILL)
        await self.dead(role)
        self.deaths += 1

    async def stop(self, role: str) -> None:
        """Ask a process to stop, and wait for its end."""
        with suppress(ProcessLookupError):
            os.kill(self.pids[role], signal.SIGTERM)
        await self.dead(role)

    async def dead(self, role: str, seconds: float = 15) -> None:
        """Wait until a process has ended."""
        async with asyncio.timeout(seconds):
            while self.lives(role):
                await asyncio.sleep(0.002)

    def lives(self, role: str) -> bool:
        """Whether a process is there."""
        try:
            os.kill(self.pids[role], 0)
        except (KeyError, ProcessLookupError):
            return False
        return True

    async def ready(self, seconds: float = 60) -> None:
        """Wait until the server answers."""
        async with asyncio.timeout(seconds):
            while await self.status("GET", "/readyz") != 200:
                await asyncio.sleep(0.01)

    async def status(self, method: str, path: str, **options: Any) -> int:
        """The status of one request; 0 when there was no answer."""
        url = path if path.startswith("http") else self.url + path
        try:
            async with self.session.request(method, url, timeout=aiohttp.ClientTimeout(total=5), **options) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0

    async def post(self, account: str, event_id: str, *, to_neighbour: bool = False) -> bool:
        """Post one signed webhook once; whether it was acknowledged."""
        hook, secret = (self.other_hook, self.other_secret) if to_neighbour else (self.hook, self.secret)
        body = json.dumps({"id": event_id, "type": "sold", "account_id": account}).encode()
        headers = {"X-Signature": signature.plain(body, secret), "Content-Type": "application/json"}
        return await self.status("POST", hook, data=body, headers=headers) == 200

    async def deliver(self, account: str, event_id: str) -> None:
        """Post until it is acknowledged, as a vendor does, and note it."""
        async with asyncio.timeout(90):
            while not await self.post(account, event_id):
                await asyncio.sleep(0.02)
        self.accepted.setdefault(account, []).append(event_id)

    async def pour(self, account: str, until: asyncio.Event, *, pause: float = 0.03) -> None:
        """One event after another for one account, some of them twice, until told to end."""
        chance = random.Random(account)
        number = 0
        while not until.is_set():
            number += 1
            await self.deliver(account, f"{account}-{number:05d}")
            if chance.random() < 0.1:
                await self.post(account, f"{account}-{chance.randint(1, number):05d}")  # repeated, late
            await asyncio.sleep(pause * chance.random() * 2)

    async def hurry(self) -> None:
        """Resume everything that waits for its next try, in bulk."""
        wanted = {"action": "resume", "runs": {"states": ["waiting", "failed", "unknown"]}}
        await self.status("POST", "/api/v1/runs/bulk", json=wanted, headers={"Authorization": f"Bearer {self.token}"})


def free_port() -> int:
    """A port that is free now; a server that was killed comes back to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def plant(
    folder: Path, database_url: str, sink: Sink, *, workers: int = 2, neighbour: Sink | None = None
) -> AsyncIterator[Plant]:
    """An installation, set up and not yet started: an empty URL is SQLite in one process."""
    async with nursery() as parent, aiohttp.ClientSession() as session:
        made = Plant(parent, folder, database_url, sink, session, free_port(), workers if database_url else 0)
        await made.connect(neighbour=neighbour)
        try:
            yield made
        finally:
            for role in made.pids:
                await made.kill(role)
