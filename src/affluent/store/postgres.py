"""PostgreSQL: a pool for units of work and one grouped writer, all over asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from affluent.kit import crash
from affluent.store.audit.recording import recorded, recording, watch
from affluent.store.database import NOTES, Database, I, Processor, R, StoreUnavailable, T, Unit, committed

_LINGER_SECONDS = 0.002
_LARGEST_GROUP = 512
_CHANCES = 4
_LAST_SECONDS = 5.0
"""How long closing waits for those who still read."""

_Job = tuple[Processor[Any, Any], Any, "asyncio.Future[Any]"]


class PostgresDatabase(Database):
    """A server shared by any number of processes."""

    dialect = "postgresql"

    def __init__(self, url: str, *, pool: int = 6) -> None:
        self.url = url
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=pool, max_overflow=4, pool_pre_ping=True
        )
        watch(self.engine.sync_engine)
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._transactions = 0
        self._is_closed = False

    @property
    def transactions(self) -> int:
        return self._transactions

    async def open(self) -> None:
        self._is_closed = False
        self._writer = asyncio.create_task(self._write_forever(), name="affluent-write")

    async def close(self) -> None:
        if self._writer is not None:
            await self._jobs.put(None)
            await self._writer
        self._is_closed = True
        # A connection that is out when its pool goes stays open until the garbage collector finds it.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while self.engine.pool.checkedout():  # type: ignore[attr-defined]  # a QueuePool counts
                    await asyncio.sleep(0.01)
        await self.engine.dispose()

    async def read(self, unit: Unit[T]) -> T:
        self._must_be_open()
        try:
            async with self.engine.connect() as connection:
                return await connection.run_sync(unit)
        except _TROUBLE as error:
            _raise(error)

    async def write(self, unit: Unit[T]) -> T:
        result, callbacks = await self._transact(recorded(unit))
        for callback in callbacks:
            callback()
        return result

    def hand_in(self, processor: Processor[I, R], item: I) -> asyncio.Future[R]:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((processor, item, future))
        return future

    async def _transact(self, unit: Unit[T]) -> tuple[T, list[Callable[[], None]]]:
        def run(connection: Connection) -> tuple[T, list[Callable[[], None]]]:
            connection.info.pop("on_commit", None)
            connection.info.pop(NOTES, None)
            answer = unit(connection)
            if self.sealer is not None:
                self.sealer(connection)
            return answer, committed(connection)

        for chances in reversed(range(_CHANCES)):
            try:
                return await self._once(run)
            except _TROUBLE as error:
                if chances == 0 or _sqlstate(error) not in _REPEATED:
                    _raise(error)
        raise AssertionError("unreachable")

    def _must_be_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The database is closed.")

    async def _once(self, run: Unit[T]) -> T:
        self._must_be_open()
        async with self.engine.begin() as connection:
            answer = await connection.run_sync(run)
            crash.point("commit.before")
        crash.point("commit.after")
        self._transactions += 1
        return answer

    async def _write_forever(self) -> None:
        busy = False
        while True:
            job = await self._jobs.get()
            if job is None:
                return
            if busy:
                await asyncio.sleep(_LINGER_SECONDS)
            jobs = [job]
            ended = False
            while not self._jobs.empty() and len(jobs) < _LARGEST_GROUP and not ended:
                following = self._jobs.get_nowait()
                if following is None:
                    ended = True
                else:
                    jobs.append(following)
            busy = len(jobs) > 1
            await self._commit(jobs)
            if ended:
                return

    async def _commit(self, jobs: list[_Job]) -> None:
        grouped: dict[Processor[Any, Any], list[_Job]] = {}
        for job in jobs:
            grouped.setdefault(job[0], []).append(job)

        def unit(connection: Connection) -> list[tuple[_Job, Any]]:
            answers: list[tuple[_Job, Any]] = []
            for processor, members in grouped.items():
                with recording(connection):
                    results = processor(connection, [member[1] for member in members])
                answers += list(zip(members, results, strict=True))
            return answers

        try:
            answers, callbacks = await self._transact(unit)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            if len(jobs) == 1 or isinstance(error, StoreUnavailable):
                for job in jobs:
                    if not job[2].done():
                        job[2].set_exception(error)
                return
            for job in jobs:
                await self._commit([job])
            return
        for job, result in answers:
            if not job[2].done():
                job[2].set_result(result)
        for callback in callbacks:
            callback()


_TROUBLE = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_REPEATED = ("40P01", "40001")
"""Deadlock, serialisation failure: PostgreSQL undid the transaction and asks to try again."""
_AWAY = ("08", "53", "57", "58", "40")
"""Classes of SQLSTATE: connection, resources (disk full, too many clients), shutdown, system, undone by the server."""


def _sqlstate(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def _raise(error: Exception) -> NoReturn:
    """StoreUnavailable when it will pass by itself; a defect of ours comes out as it is."""
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    away = (OperationalError, InterfaceError, PoolTimeout, asyncpg.InterfaceError, OSError, TimeoutError)
    state = _sqlstate(error)
    if is_lost or isinstance(error, away) or state.startswith(_AWAY):
        raise StoreUnavailable(f"The database cannot be reached: {type(error).__name__} {state}".strip()) from error
    raise error
