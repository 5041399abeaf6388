"""What is measured of one installation, in the order in which it is measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks import processes, seed, vendor
from benchmarks.figures import percentile
from benchmarks.product import Hook, Product
from benchmarks.vendor import Calls, Sent, Sink

_IDLE_PER_SECOND = 10
_CALLS = 2
_MANY = 64
_FEW = 8
"""Connections; at a low rate few, because a server closes one that is idle for five seconds."""

Say = Callable[[str], None]
Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    steady: int
    burst: int
    runs: int
    idle: int
    backlog: int
    backfill: int
    finished: int
    memory: int
    limit: int
    limit_seconds: int
    """The limit is so many requests in so many seconds."""


QUICK = Size(
    steady=1_000,
    burst=4_000,
    runs=5_000,
    idle=60,
    backlog=2_000,
    backfill=10_000,
    finished=100_000,
    memory=0,
    limit=1_000,
    limit_seconds=10,
)
FULL = Size(
    steady=12_000, burst=20_000, runs=20_000, idle=600, backlog=2_000, backfill=10_000, finished=1_000_000, memory=100_000,
    limit=400,
    limit_seconds=60,
)  # fmt: skip


@dataclass(kw_only=True)
class Bench:
    """One installation being measured."""

    product: Product
    sink: Sink
    size: Size
    say: Say
    figures: Figures = field(default_factory=dict)
    executed: int = 0
    postmaster: int = 0
    """Process id of the PostgreSQL server."""
    _prefixes: Iterator[int] = field(default_factory=itertools.count)

    def measure(self) -> Figures:
        """Everything, one after another."""
        try:
            hook = self._starting()
            self._accepting(hook)
            self._draining()
            self._end_to_end(hook)
            self._idle(hook)
            self._memory(hook)
            self._backfill(hook)
            self._limit()
            self._old(hook)
        except Exception as error:
            for process in self.product.processes:
                error.add_note(process.output()[-2_000:])
            raise
        finally:
            self.product.stop()
        return self.figures

    def _starting(self) -> Hook:
        self.say("start")
        self.product.start(execute=False)
        self.figures["first_start_seconds"] = self.product.start_seconds
        hook = self.product.connect("Benchmark", self.sink.url)
        self.product.stop()
        self.product.start(execute=False)
        self.figures["start_seconds"] = self.product.start_seconds
        return hook

    def _accepting(self, hook: Hook) -> None:
        self.say("accept")
        steady = self._send(hook, self.size.steady, rate=200)
        burst = self._send(hook, self.size.burst)
        self.figures |= {
            "accept_p50": steady.p50,
            "accept_p99": steady.p99,
            "accept_rate": burst.rate,
            "accept_rate_p99": burst.p99,
        }

    def _draining(self) -> None:
        self.say("runs from a backlog")
        self.product.stop()
        self.sink.reset()
        self.product.start()
        count = self.size.steady + self.size.burst
        calls = self._await(count)
        self.figures["drain_rate"] = count / (calls.last_at - calls.first_at)

    def _end_to_end(self, hook: Hook) -> None:
        self.say("runs, accepted and executed side by side")
        cpu, transactions, store_cpu = self.product.cpu_seconds, self.product.transactions, self._store_cpu()
        self.figures["run_rate"] = self._rate(hook, self.size.runs)
        time.sleep(0.5)
        if self.postmaster:
            self.figures["store_cpu_per_run"] = (self._store_cpu() - store_cpu) / self.size.runs
        self.figures |= {
            "cpu_per_run": (self.product.cpu_seconds - cpu) / self.size.runs,
            "transactions_per_run": (self.product.transactions - transactions) / self.size.runs,
        }

    def _idle(self, hook: Hook) -> None:
        self.say("event to first call, idle")
        self.figures |= dict(zip(("idle_p50", "idle_p99"), self._latencies(hook, self.size.idle), strict=True))

    def _memory(self, hook: Hook) -> None:
        self.say("memory")
        if self.executed < self.size.memory:
            self._rate(hook, self.size.memory - self.executed)
        self.figures |= {"memory_megabytes": self._resident(), "memory_runs": float(self.executed)}

    def _backfill(self, hook: Hook) -> None:
        self.say("a live event behind a backfill")
        self.product.stop()
        seed.backfill(self._store, hook.flow_connection_id, self.size.backfill)
        self.sink.reset()
        self.product.start()
        count = 40
        latencies = self._latencies(hook, count, reset=False)
        behind = self.size.backfill - self.sink.count() / _CALLS
        self._await(self.size.backfill + count)
        self.figures |= {"live_p50": latencies[0], "live_p99": latencies[1], "live_backfill_left": max(behind, 0.0)}

    def _limit(self) -> None:
        self.say("a vendor's limit")
        if self.product.database_url:
            self.product.stop()
            self.product.start(workers=4)
        hook = self.product.connect("Limited", self.sink.url, steps=1)
        self.product.limit(hook, requests=self.size.limit, seconds=self.size.limit_seconds)
        time.sleep(1.5)  # plans are kept for a second
        self.sink.reset(requests=self.size.limit, seconds=self.size.limit_seconds)
        self._send(hook, self.size.backlog)
        self.sink.wait_for(self.size.backlog)
        self.figures |= _use_of_limit(self.sink.arrivals(), self.size)
        self.figures["limit_refused"] = float(self.sink.wait_for(self.size.backlog).refused)

    def _old(self, hook: Hook) -> None:
        self.say(f"with {self.size.finished:,} finished runs in the store")
        self.product.stop()
        self.product.start()
        # Anew, because a machine that others use too is another one after some minutes.
        before = self._rate(hook, self.size.runs)
        self.product.stop()
        seed.finished(self._store, self.size.finished)
        self.product.start()
        self.figures["old_run_rate"] = self._rate(hook, self.size.runs)
        self.figures["old_ratio"] = self.figures["old_run_rate"] / before
        self.figures["old_finished"] = float(self.size.finished)

    @property
    def _store(self) -> str:
        return self.product.database_url or f"sqlite:///{self.product.folder / 'data' / 'affluent.db'}"

    def _send(self, hook: Hook, count: int, *, rate: float = 0, tell: bool = False) -> Sent:
        prefix = f"e{next(self._prefixes)}"
        sent = vendor.send(
            self.product.url + hook.path,
            hook.secret,
            prefix=prefix,
            count=count,
            rate=rate,
            connections=_FEW if rate == _IDLE_PER_SECOND else _MANY,
            tell=tell,
        )
        if sent.accepted != count:
            raise vendor.Stalled(f"{sent.refused} of {count} events were refused.")
        return sent

    def _await(self, runs: int) -> Calls:
        calls = self.sink.wait_for(runs * _CALLS)
        if calls.doubled or calls.keyless or calls.keys != runs * _CALLS:
            raise vendor.Stalled(f"The sink counts {calls}, and {runs} runs were expected to make {_CALLS} calls each.")
        self.executed += runs
        return calls

    def _rate(self, hook: Hook, count: int) -> float:
        """Runs per second from the first event sent to the last call made."""
        self.sink.reset()
        sent = self._send(hook, count)
        return count / (self._await(count).last_at - sent.began_at)

    def _latencies(self, hook: Hook, count: int, *, reset: bool = True) -> tuple[float, float]:
        """Median and 99th percentile from the moment an event is sent to the moment its first call arrives."""
        if reset:
            self.sink.reset()
        sent = self._send(hook, count, rate=_IDLE_PER_SECOND, tell=True)
        while not sent.moments.keys() <= (called := self.sink.first_calls()).keys():
            time.sleep(0.2)
        if reset:
            self._await(count)
        waited = sorted(called[event] - moment for event, moment in sent.moments.items())
        return percentile(waited, 50), percentile(waited, 99)

    def _store_cpu(self) -> float:
        return processes.postgres_cpu_seconds(self.postmaster) if self.postmaster else 0.0

    def _resident(self) -> float:
        return max(process.resident_megabytes for process in self.product.executing)


def _use_of_limit(arrivals: list[float], size: Size) -> Figures:
    """How full the whole windows were, and the most that any window held."""
    seconds = size.limit_seconds
    windows = int((arrivals[-1] - arrivals[0]) / seconds)
    inside = sum(at < arrivals[0] + windows * seconds for at in arrivals)
    peak = start = 0
    for index, at in enumerate(arrivals):
        while arrivals[start] <= at - seconds:
            start += 1
        peak = max(peak, index - start + 1)
    return {"limit_use": inside / (windows * size.limit), "limit_peak": peak / size.limit}
