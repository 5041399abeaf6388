"""Any interleaving of accepting, claiming, working, crashing, waiting, resuming, replaying and cancelling keeps the promises."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from affluent.domain.run import FINISHED, MOVES, RESUMABLE, UNFINISHED, RunState
from affluent.engine import leases
from affluent.kit import clock
from affluent.sdk import OutcomeUnknown, Rejected, Unavailable
from affluent.services.errors import Conflict
from affluent.store import tables
from tests.support.engine import Vendor, engine

STEPS = (
    {"id": "one", "app": "shop", "action": "write", "inputs": {"id": "{{ trigger.id }}"}},
    {"id": "two", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}},
)
FATES = ("fine", "down", "refused", "lost answer", "lost request", "stuck")
ACCOUNTS = ("", "ACC-1", "ACC-2")


@cache
def empty_store() -> Path:
    """A store with its tables, made once and copied for every example."""
    folder = tempfile.mkdtemp(prefix="affluent-machine-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "affluent.db"

    async def make():
        async with engine(f"sqlite:///{path}", started=False):
            pass

    asyncio.run(make())
    return path


class Interleavings(RuleBasedStateMachine):
    """An engine whose dispatcher is driven by hand over SQLite; a crash forgets all that is not in the store."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory(prefix="affluent-machine-")
        self.vendor = Vendor(behave=self.before, after=self.after)
        self.fate = "fine"
        self.keyed: set[str] = set()
        self.numbers = 0
        self.offset = timedelta()
        self.order: dict[str, list[str]] = {}
        self.seen: dict[str, RunState] = {}
        self.working: list[asyncio.Task[None]] = []
        self.halted: asyncio.Queue[None] = asyncio.Queue()
        shutil.copyfile(empty_store(), Path(self.folder.name) / "affluent.db")
        url = f"sqlite:///{Path(self.folder.name) / 'affluent.db'}"
        self.it = self.do(self.stack.enter_async_context(engine(url, self.vendor, started=False, fresh=False)))
        self.do(self.it.flow(*STEPS))

    def do(self, work):
        return self.loop.run_until_complete(work)

    async def before(self, action, sale_id):
        if self.fate == "down":
            raise Unavailable("Down.")
        if self.fate == "refused":
            raise Rejected("No.")
        if self.fate == "lost request":
            raise OutcomeUnknown("Lost.")
        if action == "put" and sale_id in self.keyed:  # the vendor knows the key
            self.vendor.books[f"put:{sale_id}"] -= 1

    async def after(self, action, sale_id):
        if action == "put":
            self.keyed.add(sale_id)
        if self.fate == "stuck":
            self.halted.put_nowait(None)
            await asyncio.Event().wait()
        if self.fate == "lost answer":
            raise OutcomeUnknown("Lost.") if action == "write" else Unavailable("Lost.")

    @rule(account=st.sampled_from(ACCOUNTS), copies=st.integers(1, 3))
    def accept(self, account, copies):
        self.numbers += 1
        name = f"event-{self.numbers}"
        for _ in range(copies):
            self.do(self.it.accept(name, account=account, minutes=self.numbers))
        self.order.setdefault(account, []).append(name)

    @rule(count=st.integers(1, 4), fate=st.sampled_from(FATES))
    def work(self, count, fate):
        self.fate = fate
        self.do(self.claim_and_execute(count))

    async def claim_and_execute(self, count):
        def take(connection):
            leases.wake_waiting(connection)
            return leases.due(connection, count=count, lowest_priority=10)

        halted = self.halted = asyncio.Queue()

        async def execute(run):
            try:
                await self.it.executor.execute(run)
            finally:
                halted.put_nowait(None)

        tasks = [asyncio.ensure_future(execute(run)) for run in await self.it.database.write(take)]
        for _ in tasks:
            await halted.get()
        await asyncio.sleep(0)
        self.working += [task for task in tasks if not task.done()]

    @rule()
    def crash_and_start_again(self):
        async def crash():
            self.it.executor._hand_back = nothing  # kill -9 hands nothing back
            for task in self.working:
                task.cancel()
            await asyncio.gather(*self.working, return_exceptions=True)
            del self.it.executor._hand_back
            await self.it.database.write(leases.take_over)

        async def nothing(_claimed):
            return None

        self.do(crash())
        self.working.clear()

    @rule(seconds=st.sampled_from((1, 60, 3_600)))
    def time_passes(self, seconds):
        self.offset += timedelta(seconds=seconds)
        clock.shift(timedelta(seconds=seconds))

    @rule(act=st.sampled_from(("resume", "replay", "cancel")), which=st.integers(0, 20))
    def a_person_acts(self, act, which):
        runs = sorted(self.runs())
        if runs:
            self.do(self.quietly(getattr(self.it.runs, act)(runs[which % len(runs)])))

    async def quietly(self, work):
        with suppress(Conflict):
            await work

    def runs(self):
        names = ("id", "state", "ready", "ordering_key", "sentence", "cause", "tries", "due_at")
        columns = [tables.runs.c[name] for name in names]
        rows = self.do(self.it.database.read(lambda c: c.execute(select(*columns)).all()))
        return {row.id: row for row in rows}

    @invariant()
    def nothing_is_applied_twice(self):
        assert all(times <= 1 for times in self.vendor.books.values()), self.vendor.books

    @invariant()
    def runs_keep_their_promises(self):
        """At most one run of an account is ready, and what has ended for good stays so."""
        rows = self.runs()
        ready = [row.ordering_key for row in rows.values() if row.ready and row.state in UNFINISHED]
        assert len(ready) == len(set(ready))
        now = {run_id: RunState(row.state) for run_id, row in rows.items()}
        assert all(now[run_id] is state for run_id, state in self.seen.items() if not MOVES[state])
        self.seen = now

    def teardown(self):
        try:
            self.finish()
        finally:
            clock.shift(-self.offset)
            self.do(self.stack.aclose())
            self.loop.close()
            self.folder.cleanup()

    def finish(self):
        """The vendor is well, and a person resumes what stopped: then every event is applied, once."""
        self.crash_and_start_again()
        for _ in range(60):
            self.time_passes(3_600)
            self.fate = "fine"
            self.do(self.claim_and_execute(50))
            for run_id, row in self.runs().items():
                if row.state in RESUMABLE - {"waiting"}:
                    self.do(self.quietly(self.it.runs.resume(run_id)))
            if all(row.state in FINISHED for row in self.runs().values()):
                break
        left = [tuple(row) for row in self.runs().values() if row.state != "succeeded"]
        assert left == []
        self.nothing_is_applied_twice()
        names = {name for names in self.order.values() for name in names}
        assert {key for key, times in self.vendor.books.items() if times} == {
            f"{action}:{name}" for action in ("write", "put") for name in names
        }


Interleavings.TestCase.settings = settings(
    max_examples=int(os.environ.get("INTERLEAVINGS", "25")),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestInterleavings = Interleavings.TestCase
TestInterleavings.pytestmark = pytest.mark.timeout(300)  # a failure is shrunk before it is shown
