"""The sink and the sender as the runner uses them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.processes import ROOT, Process
from benchmarks.questions import ask

_STALLED_SECONDS = 20.0


class Stalled(Exception):
    """Calls that were expected did not come."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the sender saw. Times are of the machine's monotonic clock, in seconds."""

    accepted: int
    refused: int
    began_at: float
    seconds: float
    rate: float
    p50: float
    p99: float
    moments: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Calls:
    """What the sink saw."""

    requests: int
    keys: int
    doubled: int
    keyless: int
    refused: int
    first_at: float
    last_at: float


class Sink:
    """The vendor's process."""

    def __init__(self, folder: Path) -> None:
        self.process: Process = processes.start(folder, "benchmarks.sink")
        self.url = f"http://127.0.0.1:{json.loads(self.process.line_with('port'))['port']}"

    def reset(self, *, requests: int = 0, seconds: float = 0.0) -> None:
        """Begin anew; with a limit of so many requests in any so many seconds."""
        ask("POST", f"{self.url}/reset", {"requests": requests, "seconds": seconds})

    def count(self) -> int:
        """Requests since the reset."""
        return int(ask("GET", f"{self.url}/count")["requests"])

    def wait_for(self, requests: int) -> Calls:
        """Wait for so many requests; raises Stalled when none came for a while."""
        seen, since = -1, time.monotonic()
        while (now := self.count()) < requests:
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > _STALLED_SECONDS:
                raise Stalled(f"{now} of {requests} calls came.")
            time.sleep(0.05)
        return Calls(**ask("GET", f"{self.url}/stats"))

    def first_calls(self) -> dict[str, float]:
        """When the first call of each event came."""
        found: dict[str, float] = ask("GET", f"{self.url}/first-calls")
        return found

    def arrivals(self) -> list[float]:
        """When every request came."""
        found: list[float] = ask("GET", f"{self.url}/arrivals")
        return found


def send(
    url: str, secret: str, *, prefix: str, count: int, rate: float = 0, connections: int = 64, tell: bool = False
) -> Sent:
    """Post events and wait for all answers."""
    order: dict[str, Any] = {
        "url": url,
        "secret": secret,
        "prefix": prefix,
        "count": count,
        "rate": rate,
        "connections": connections,
        "tell": tell,
    }
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(order)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stalled(done.stderr[-2_000:])
    return Sent(**json.loads(done.stdout))
