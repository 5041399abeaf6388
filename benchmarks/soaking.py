"""One installation under a steady load while its vendor misbehaves, looked at in every round.

Every second round is without a new fault: those are compared with each other, because the others last as long as retries wait.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import asyncpg

from benchmarks import processes
from benchmarks.figures import percentile
from benchmarks.processes import Process
from benchmarks.product import Product

_ROUNDS = 96
_SHORTEST_ROUND = 3.0
_DRAIN_SECONDS = 240.0
_REVOKED_SECONDS = 5.0
_KEY = "fp_soak_key"
_FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("fail", {"status": 503, "times": 6}),  # one more than opens the breaker; each probe that fails doubles its pause
    ("drop", {"times": 10}),
    ("slow", {"seconds": 3, "times": 10}),
    ("fail", {"status": 429, "times": 5, "retry_after": 2}),
    ("truncate", {"times": 5}),
    ("reset_connection", {"times": 5}),
    ("revoke", {"key": _KEY}),
)
_STEPS = [
    {
        "id": "sign_up",
        "app": "firstpromoter",
        "action": "track_signup",
        "inputs": {"uid": "{{ trigger.id }}", "email": "{{ trigger.id }}@example.com", "tid": "tid_001"},
    },
    {
        "id": "cancel",
        "app": "firstpromoter",
        "action": "track_cancellation",
        "inputs": {"event_id": "{{ trigger.id }}", "uid": "{{ trigger.id }}"},
    },
]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was seen in one round without a new fault. Seconds; sizes in MB; counts of the process that is largest."""

    run_p50: float
    run_p95: float
    accept_p50: float
    accept_p95: float
    reference: float
    """A piece of the reference work in the same round: benchmarks.reference."""
    server_megabytes: float
    worker_megabytes: float
    open_files: int
    threads: int
    tasks: int
    database_connections: int
    wal_megabytes: float


@dataclass(kw_only=True)
class Found:
    """All that one soak saw."""

    samples: list[dict[str, float]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    refused: int = 0
    left: int = 0
    failed: int = 0
    said: list[str] = field(default_factory=list)
    """What the runs say that did not end well."""
    missing: int = 0
    doubled: int = 0
    vendor_calls: int = 0


@dataclass(kw_only=True)
class Soak:
    """A load on one installation."""

    product: Product
    twin: str
    reference: Process
    seconds: float
    rate: float
    say: Callable[[str], None]
    session: aiohttp.ClientSession
    found: Found = field(default_factory=Found)
    accepted: list[float] = field(default_factory=list)
    _path: str = ""
    _secret: bytes = b""
    _connection_id: str = ""
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> Found:
        """Connect, send for so long, wait for the end, count at the vendor."""
        await self._connect()
        await self._rounds()
        await self._heal()
        await asyncio.gather(*self._sending)
        await self._drain()
        await self._count()
        return self.found

    async def _rounds(self) -> None:
        length = max(_SHORTEST_ROUND, self.seconds / _ROUNDS)
        begun = time.monotonic()
        for number in range(int(self.seconds / length)):
            is_well = number % 2 == 0
            self.accepted.clear()
            pieces = len(self._pieces())
            since = time.time()
            if is_well:
                await self._heal()
            else:
                await self._misbehave(number // 2)
            await self._send(begun + (number + 1) * length)
            if is_well:
                self.found.samples.append(asdict(await self._sample(since, pieces)))
                self.say(f"round {number}: {self.found.samples[-1]}")

    async def _send(self, until: float) -> None:
        """Events at a steady rate; the latency of each counts from the moment at which it was due."""
        began, first = time.monotonic(), self.found.sent
        while (due := began + (self.found.sent - first) / self.rate) < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._post(f"soak-{self.found.sent}", due))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            self.found.sent += 1

    async def _post(self, event_id: str, due: float) -> None:
        body = json.dumps({"id": event_id, "type": "order.paid", "note": "x" * 900}).encode()
        signature = hmac.digest(self._secret, body, "sha256").hex()
        headers = {"content-type": "application/json", "x-signature": f"sha256={signature}"}
        async with self.session.post(self.product.url + self._path, data=body, headers=headers) as answer:
            await answer.read()
        self.found.refused += answer.status != 200
        self.accepted.append(time.monotonic() - due)

    async def _misbehave(self, turn: int) -> None:
        faults: list[tuple[str, dict[str, object]]] = [*_FAULTS]
        if self.product.others:
            faults.append(("kill", {}))
        kind, options = faults[turn % len(faults)]
        name = f"{kind} {options['status']}" if "status" in options else kind
        self.found.faults[name] = self.found.faults.get(name, 0) + 1
        if kind == "kill":
            self.product.kill_the_last_worker()
            return
        await self._call("POST", f"{self.twin}/_twin/{kind}", options)
        if kind == "revoke":
            task = asyncio.create_task(self._restore_later())
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _restore_later(self) -> None:
        await asyncio.sleep(min(_REVOKED_SECONDS, self.seconds / _ROUNDS / 2))
        await self._call("POST", f"{self.twin}/_twin/restore", {"key": _KEY})
        await self._ask("POST", f"connections/{self._connection_id}/test")

    async def _heal(self) -> None:
        await self._call("POST", f"{self.twin}/_twin/heal", {})

    async def _sample(self, since: float, pieces: int) -> Sample:
        # When none of the round has ended, each has lasted at least as long as the round.
        took = sorted([seconds async for seconds in self._run_seconds(since)]) or [time.time() - since]
        accepted, executing = sorted(self.accepted), self.product.executing[0]
        running = self.product.processes[:2]  # not the worker that is killed now and then
        wal = self.product.folder / "data" / "affluent.db-wal"
        return Sample(
            run_p50=percentile(took, 50),
            run_p95=percentile(took, 95),
            accept_p50=percentile(accepted, 50),
            accept_p95=percentile(accepted, 95),
            reference=median(self._pieces()[pieces:]),
            server_megabytes=self.product.processes[0].resident_megabytes,
            worker_megabytes=executing.resident_megabytes,
            open_files=max(process.open_files for process in running),
            threads=max(process.threads for process in running),
            tasks=max([await asyncio.to_thread(lambda process=process: process.tasks) for process in running]),
            database_connections=await self._database_connections(),
            wal_megabytes=wal.stat().st_size / 1e6 if wal.exists() else 0.0,
        )

    def _pieces(self) -> list[float]:
        """How many seconds each piece of reference work has taken so far."""
        return [float(line) for line in self.reference.output().splitlines(keepends=True) if line.endswith("\n")]

    async def _run_seconds(self, since: float) -> AsyncIterator[float]:
        """How long the runs took that began in this round and have ended, from the event to the end."""
        after = ""
        while True:
            page = await self._ask("GET", f"runs?states=succeeded&limit=200&after={after}")
            for run in page["items"]:
                created = datetime.fromisoformat(run["created_at"])
                if created.timestamp() < since:
                    return
                yield (datetime.fromisoformat(run["finished_at"]) - created).total_seconds()
            after = page["next"]
            if not after:
                return

    async def _database_connections(self) -> int:
        if not self.product.database_url:
            return 0
        connection = await asyncpg.connect(self.product.database_url)
        try:
            return int(
                await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        finally:
            await connection.close()

    async def _drain(self) -> None:
        states = "&".join(f"states={state}" for state in ("queued", "running", "waiting", "paused"))
        deadline = time.monotonic() + _DRAIN_SECONDS
        while (left := (await self._ask("GET", f"runs?{states}&limit=200"))["items"]) and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        self.found.left = len(left)
        ended_badly = await self._ask("GET", "runs?states=failed&states=unknown&states=cancelled&limit=200")
        self.found.failed = len(ended_badly["items"])
        self.found.said = [f"{run['id']} {run['state']}: {run['sentence']}" for run in [*left, *ended_badly["items"]]]

    async def _count(self) -> None:
        books = await self._call("GET", f"{self.twin}/_twin/books")
        expected = {f"soak-{number}" for number in range(self.found.sent)}
        for kind in ("referrals", "cancellations"):
            there = Counter(item["uid"] for item in books[kind])
            self.found.missing += len(expected - there.keys())
            self.found.doubled += sum(count > 1 for count in there.values())
        self.found.vendor_calls = len(await self._call("GET", f"{self.twin}/_twin/calls"))

    async def _connect(self) -> None:
        fields = {"api_key": _KEY, "base_url": f"{self.twin}/api/v1"}
        made = await self._ask("POST", "connections", {"app": "firstpromoter", "name": "Soak", "fields": fields})
        self._connection_id = made["id"]
        await self._ask("PATCH", f"connections/{made['id']}", {"limit": {"requests": 60_000, "seconds": 60}})
        definition = {
            "name": "Soak",
            "type": "inbound",
            "trigger": {"app": "webhook", "trigger": "received"},
            "steps": _STEPS,
        }
        flow = (await self._ask("POST", "flows", {"definition": definition, "publish": True}))["flow"]
        bindings = {str(step["id"]): made["id"] for step in _STEPS}
        link = await self._ask(
            "POST", "flow-connections", {"flow_id": flow["id"], "name": "Soak", "bindings": bindings}
        )
        self._path = "/" + link["flow_connection"]["webhook_url"].split("/", 3)[3]
        self._secret = link["hook_secret"].encode()

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever the JSON says
        return await self._call(method, f"{self.product.url}/api/v1/{path}", body, self.product.token)

    async def _call(self, method: str, url: str, body: object = None, token: str = "") -> Any:  # noqa: ANN401 - as above
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {url}: {answer.status} {text[:500]}")
        return json.loads(text) if text else None


async def soak(folder: Path, database_url: str, *, seconds: float, rate: float, say: Callable[[str], None]) -> Found:
    """Start the product and the vendor's twin in processes of their own, and soak them."""
    twins = processes.start(folder, "benchmarks.launch", "twins", "--port=0")
    reference = processes.start(folder, "benchmarks.reference")
    product = Product(folder=folder, database_url=database_url, workers=2 if database_url else 0)
    try:
        twin = twins.line_with("firstpromoter:").split()[-1].rstrip("/")
        product.start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
            load = Soak(
                product=product, twin=twin, reference=reference, seconds=seconds, rate=rate, say=say, session=session
            )
            return await load.run()
    finally:
        product.stop()
        processes.stop_all([twins, reference])
