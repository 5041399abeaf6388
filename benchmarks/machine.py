"""What the figures were measured on, and how busy that was with other things."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_BYTES = b"x" * 4096


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine at one time."""

    facts: dict[str, str | float]

    @property
    def sentence(self) -> str:
        """All of it for people."""
        facts = self.facts
        return (
            f"Measured on {facts['date']}: {facts['cores']} cores ({facts['processor']}), {facts['memory_gigabytes']} GB, "
            f"{facts['system']}, Python {facts['python']}, SQLite {facts['sqlite']}; an fdatasync of 4 KB took "
            f"{facts['sync_milliseconds']} ms. Before the run {facts['busy_percent']} % of the machine was busy with other "
            f"things; the load average was {facts['load_before']} before and {facts['load_after']} after it."
        )


def look(*, busy: float, load_before: float) -> Machine:
    """The facts of this machine now."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return Machine(
        facts={
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "cores": os.cpu_count() or 0,
            "processor": names[0] if names else platform.machine(),
            "memory_gigabytes": round(memory),
            "system": f"{platform.system()} {platform.release()}",
            "python": ".".join(map(str, sys.version_info[:3])),
            "sqlite": sqlite3.sqlite_version,
            "sync_milliseconds": round(_sync_seconds() * 1_000, 2),
            "busy_percent": round(busy * 100),
            "load_before": round(load_before, 2),
            "load_after": round(os.getloadavg()[0], 2),
        }
    )


def busy(seconds: float = 2.0) -> float:
    """Which share of all cores was busy during so many seconds."""
    idle, total = _ticks()
    time.sleep(seconds)
    idle_then, total_then = _ticks()
    return 1 - (idle_then - idle) / (total_then - total)


def _ticks() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def _sync_seconds() -> float:
    count = 100
    with tempfile.NamedTemporaryFile() as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(_BYTES)
            file.flush()
            os.fdatasync(file.fileno())
        return (time.perf_counter() - began) / count
