"""The hand-written loop, measured as the product is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import processes, vendor
from benchmarks.figures import percentile
from benchmarks.processes import Process
from benchmarks.scenarios import Figures, Size
from benchmarks.vendor import Sink

_SECRET = "a secret of the benchmark"  # noqa: S105 - signs made-up events
_CALLS = 2


def measure(folder: Path, sink: Sink, size: Size, *, database_url: str, workers: int) -> Figures:
    """Accept rate, latencies, runs per second and CPU of the loop."""
    started: list[Process] = []
    try:
        server = _start(folder, "server" if database_url else "embedded", database_url or str(folder), sink)
        started.append(server)
        url = server.line_with("is ready at").rsplit(" ", 1)[1] + "/hooks"
        for _ in range(workers if database_url else 0):
            started.append(_start(folder, "worker", database_url, sink))
            started[-1].line_with("is ready")
        return _figures(started, url, sink, size)
    finally:
        processes.stop_all(started)


def _start(folder: Path, role: str, where: str, sink: Sink) -> Process:
    order = f'{{"sink": "{sink.url}"}}'
    return processes.start(folder, "benchmarks.minimal", role, where, order, environment={"BENCHMARK_SECRET": _SECRET})


def _figures(started: Sequence[Process], url: str, sink: Sink, size: Size) -> Figures:
    sink.reset()
    cpu = sum(process.cpu_seconds for process in started)
    sent = vendor.send(url, _SECRET, prefix="m", count=size.runs)
    calls = sink.wait_for(size.runs * _CALLS)
    time.sleep(0.2)
    cpu = sum(process.cpu_seconds for process in started) - cpu
    sink.reset()
    steady = vendor.send(url, _SECRET, prefix="i", count=size.idle, rate=10, connections=8, tell=True)
    sink.wait_for(size.idle * _CALLS)
    called = sink.first_calls()
    waited = sorted(called[event] - moment for event, moment in steady.moments.items())
    return {
        "run_rate": size.runs / (calls.last_at - sent.began_at),
        "cpu_per_run": cpu / size.runs,
        "idle_p50": percentile(waited, 50),
        "idle_p99": percentile(waited, 99),
        "memory_megabytes": max(process.resident_megabytes for process in started),
    }
