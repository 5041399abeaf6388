"""The product as it is measured: its own commands, set up through its REST API."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import processes
from benchmarks.processes import Process
from benchmarks.questions import Refused, ask

_READY_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Hook:
    """Where events of a flow connection are posted, and how they are signed."""

    path: str
    secret: str
    flow_connection_id: str
    connection_id: str


@dataclass(kw_only=True)
class Product:
    """One installation: `affluent serve`, and on PostgreSQL workers beside it."""

    folder: Path
    database_url: str = ""
    workers: int = 0
    token: str = ""
    url: str = ""
    server: Process | None = None
    others: list[Process] = field(default_factory=list)
    start_seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> list[Process]:
        """All that run."""
        return [*([self.server] if self.server else []), *self.others]

    @property
    def executing(self) -> list[Process]:
        """Those that execute runs."""
        return self.others or self.processes

    def start(self, *, execute: bool = True, workers: int | None = None) -> None:
        """Start what is needed to accept and, if wanted, to execute; waits until it is ready."""
        options = self._options()
        alone = execute and not self.database_url
        self.server = self._process("serve", "--port=0", *options, *([] if alone else ["--no-execute"]))
        self.url = _address(self.server.line_with("is ready at"))
        self._until_ready()
        self.start_seconds = time.monotonic() - self.server.began_at
        if not self.token:
            made = self._process("tokens", "create", "--name=Benchmark", "--scope=*:write", *options)
            made.handle.wait()
            self.token = re.findall(r"aff_\S+", made.output())[0]
        if execute and self.database_url:
            count = self.workers if workers is None else workers
            self.others = [self._process("worker", *options) for _ in range(count)]
            for worker in self.others:
                worker.line_with("ready")

    def kill_the_last_worker(self) -> None:
        """Kill it as the kernel would, and start another in its place; does not wait for it."""
        killed = self.others.pop()
        killed.handle.kill()
        killed.handle.wait()
        self.others.append(self._process("worker", *self._options()))

    def stop(self) -> None:
        """Stop it all."""
        processes.stop_all(self.processes)
        self.server, self.others = None, []

    def connect(self, name: str, sink: str, *, steps: int = 2) -> Hook:
        """A webhook flow whose steps are HTTP requests to the sink."""
        connection = self._ask(
            "POST", "connections", {"app": "http", "name": name, "fields": {"base_url": sink}, "skip_test": True}
        )
        calls = ["first", *(f"call_{number}" for number in range(2, steps + 1))]
        definition = {
            "name": name,
            "type": "inbound",
            "trigger": {"app": "webhook", "trigger": "received"},
            "steps": [
                {"id": call, "app": "http", "action": "request", "inputs": _inputs(f"/call/{call}")} for call in calls
            ],
        }
        flow = self._ask("POST", "flows", {"definition": definition, "publish": True})["flow"]
        bindings = dict.fromkeys(calls, connection["id"])
        wanted = {"flow_id": flow["id"], "name": name, "bindings": bindings}
        made = self._ask("POST", "flow-connections", wanted)
        link = made["flow_connection"]
        return Hook(
            path=urlsplit(link["webhook_url"]).path,
            secret=made["hook_secret"],
            flow_connection_id=link["id"],
            connection_id=connection["id"],
        )

    def limit(self, hook: Hook, *, requests: int, seconds: int) -> None:
        """Give the vendor a request limit."""
        self._ask("PATCH", f"connections/{hook.connection_id}", {"limit": {"requests": requests, "seconds": seconds}})

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far."""
        return sum(process.cpu_seconds for process in self.processes)

    @property
    def transactions(self) -> int:
        """Transactions committed by all its processes so far."""
        return sum(process.transactions for process in self.processes)

    def _options(self) -> list[str]:
        database = [f"--database-url={self.database_url}"] if self.database_url else []
        return [f"--data-dir={self.folder / 'data'}", *database]

    def _process(self, command: str, *options: str) -> Process:
        given = {"AFFLUENT_ALLOW_PRIVATE_ADDRESSES": "true", "AFFLUENT_LOG_LEVEL": "warning"}
        environment = {**given, **self.environment}
        return processes.start(self.folder, "benchmarks.launch", command, *options, environment=environment)

    def _ask(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - whatever the JSON says
        return ask(method, f"{self.url}/api/v1/{path}", body, token=self.token)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                ask("GET", f"{self.url}/readyz")
            except (OSError, Refused):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


def _inputs(url: str) -> dict[str, object]:
    return {
        "url": url,
        "body": {"id": "{{ trigger.id }}", "amount": "{{ trigger.amount }}", "currency": "{{ trigger.currency }}"},
    }


def _address(line: str) -> str:
    return re.findall(r"http://\S+", line)[0].rstrip("/")
