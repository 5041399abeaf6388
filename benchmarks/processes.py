"""Processes that are measured: started, watched through /proc, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 120.0
_NOT_OURS = ("AFFLUENT_", "PYTHONDONTWRITEBYTECODE")
ROOT = Path(__file__).parents[1]


class DidNotStart(Exception):
    """A process that ended, or said nothing in time; the message has what it wrote."""


@dataclass(kw_only=True)
class Process:
    """A process of ours and what it writes."""

    handle: subprocess.Popen[bytes]
    written: Path
    told: Path
    began_at: float = field(default_factory=time.monotonic)

    def line_with(self, text: str) -> str:
        """The first line it writes that contains the text; waits for it."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = [line for line in self.output().splitlines(keepends=True) if text in line and line.endswith("\n")]
            if found:
                return found[0].strip()
            if self.handle.poll() is not None:
                break
            time.sleep(0.005)
        raise DidNotStart(self.output()[-3_000:])

    def output(self) -> str:
        """Everything it has written so far."""
        return self.written.read_text(errors="replace")

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return _cpu_seconds(self.handle.pid)

    @property
    def resident_megabytes(self) -> float:
        """Resident memory."""
        return self._status("VmRSS") / 1024

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return self._status("Threads")

    @property
    def open_files(self) -> int:
        """How many files and sockets it holds."""
        return len(list(Path(f"/proc/{self.handle.pid}/fd").iterdir()))

    @property
    def transactions(self) -> int:
        """How many transactions it has committed."""
        return self._tells("transactions")

    @property
    def tasks(self) -> int:
        """How many asyncio tasks it has."""
        return self._tells("tasks")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.handle.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def _tells(self, name: str) -> int:
        """A number that only the process itself knows; see benchmarks.launch."""
        self.told.unlink(missing_ok=True)
        self.handle.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while not self.told.exists():
            if time.monotonic() > deadline:
                return 0
            time.sleep(0.01)
        return int(json.loads(self.told.read_text())[name])

    def stop(self) -> None:
        """Ask it to end and wait."""
        if self.handle.poll() is None:
            self.handle.terminate()
            try:
                self.handle.wait(15)
            except subprocess.TimeoutExpired:
                self.handle.kill()
                self.handle.wait()


def start(folder: Path, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
    """Start `python -m module` with its output in a file of the folder."""
    number, name = tempfile.mkstemp(prefix=module.rsplit(".", 1)[-1] + "-", dir=folder)
    told = Path(name).with_suffix(".told")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_OURS)}
    with os.fdopen(number, "wb") as output:
        handle = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **kept,
                **(environment or {}),
                "BENCHMARK_TELL": str(told),
                "COLUMNS": "300",
                "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),  # as installed: compiled once, at the first start
            },
        )
    return Process(handle=handle, written=Path(name), told=told)


def stop_all(processes: Sequence[Process]) -> None:
    """Stop them together."""
    for process in processes:
        if process.handle.poll() is None:
            process.handle.terminate()
    for process in processes:
        process.stop()


def postgres_cpu_seconds(postmaster: int) -> float:
    """CPU time of a PostgreSQL server: of its processes now, and of those that have ended."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == postmaster or folder.name == str(postmaster):
                total += _cpu_seconds(int(folder.name), with_children=folder.name == str(postmaster))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if with_children else 13]) / _TICKS
