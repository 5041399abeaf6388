"""SQLite: one writer thread that groups commits, a few readers. WAL, synchronous=FULL."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError

from affluent.kit import crash
from affluent.store.audit.recording import recorded, recording, watch
from affluent.store.database import (
    NOTES,
    Database,
    I,
    Processor,
    R,
    StoreUnavailable,
    T,
    Unit,
    committed,
    undone_if_it_fails,
)

_LINGER_SECONDS = 0.002
_LARGEST_GROUP = 512
_TEXT = partial(str, encoding="utf-8", errors="replace")
"""A file can hold any bytes as text; one cell of them must not take the whole answer along."""
_DEFECTS = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE)
"""Errors that come again with every try: a statement or a value is wrong. All others may pass by themselves."""


@dataclass(slots=True)
class _Job:
    processor: Processor[Any, Any] | None
    item: Any
    unit: Unit[Any] | None
    future: asyncio.Future[Any]


class SqliteDatabase(Database):
    """A database file beside the process. Every write of the process goes through one thread."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, readers: int = 4) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="affluent-read")
        self._thread = threading.Thread(target=self._write_forever, name="affluent-write", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transactions = 0
        self.engine = create_engine(
            f"sqlite:///{path}", pool_size=readers + 1, connect_args={"check_same_thread": False}
        )
        event.listen(self.engine, "connect", _prepare)
        watch(self.engine)
        event.listen(
            self.engine, "begin", lambda connection: connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))
        )

    @property
    def transactions(self) -> int:
        return self._transactions

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: self.engine.connect().close())  # what is wrong with the file is said here
        self._thread.start()

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown()
        self.engine.dispose()

    async def read(self, unit: Unit[T]) -> T:
        def run() -> T:
            try:
                with self.engine.connect() as connection:
                    return unit(connection)
            except OperationalError as error:
                raise _translated(error, "read") from error

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(self, unit: Unit[T]) -> T:
        result: T = await self._submit(None, None, recorded(unit))
        return result

    def hand_in(self, processor: Processor[I, R], item: I) -> asyncio.Future[R]:
        return self._submit(processor, item, None)

    def _submit(
        self, processor: Processor[Any, Any] | None, item: object, unit: Unit[Any] | None
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(processor, item, unit, future))
        return future

    def _write_forever(self) -> None:
        with self.engine.connect() as connection:
            connection.info["begin"] = "BEGIN IMMEDIATE"
            connection.connection.cursor().execute("PRAGMA cache_size=-8000")
            busy = False
            while True:
                job = self._jobs.get()
                if job is None:
                    return
                if busy:
                    time.sleep(_LINGER_SECONDS)
                jobs, ended = self._drain(job)
                busy = len(jobs) > 1
                self._commit(connection, jobs)
                if ended:
                    return

    def _drain(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < _LARGEST_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, connection: Connection, jobs: list[_Job]) -> None:
        try:
            answers = self._transact(connection, jobs)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            connection.info.pop("on_commit", None)
            connection.info.pop(NOTES, None)
            if len(jobs) == 1:
                self._answer([(jobs[0], None, _translated(error))], [])
                return
            for job in jobs:
                self._commit(connection, [job])
            return
        self._answer(answers, committed(connection))

    def _transact(self, connection: Connection, jobs: list[_Job]) -> list[tuple[_Job, Any, Exception | None]]:
        answers: list[tuple[_Job, Any, Exception | None]] = []
        grouped: dict[Processor[Any, Any], list[_Job]] = {}
        with connection.begin():
            for job in jobs:
                if job.unit is not None:
                    answers.append(_run_unit(connection, job, job.unit))
                elif job.processor is not None:
                    grouped.setdefault(job.processor, []).append(job)
            for processor, members in grouped.items():
                with recording(connection):
                    results = processor(connection, [member.item for member in members])
                answers += [(member, result, None) for member, result in zip(members, results, strict=True)]
            if self.sealer is not None:
                self.sealer(connection)
            connection.info.pop(NOTES, None)
            crash.point("commit.before")
        crash.point("commit.after")
        self._transactions += 1
        return answers

    def _answer(self, answers: list[tuple[_Job, Any, Exception | None]], callbacks: list[Callable[[], None]]) -> None:
        def settle() -> None:
            for job, result, error in answers:
                if job.future.done():
                    continue
                if error is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(error)
            for callback in callbacks:
                callback()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)


def _run_unit(connection: Connection, job: _Job, unit: Unit[Any]) -> tuple[_Job, Any, Exception | None]:
    try:
        with undone_if_it_fails(connection):
            return job, unit(connection), None
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - handed to whoever waits for the unit
        return job, None, error


def _translated(error: Exception, what: str = "written") -> Exception:
    if isinstance(error, OperationalError) and not _is_defect(error):
        unavailable = StoreUnavailable(f"The database cannot be {what}: {error.orig}")
        unavailable.__cause__ = error
        return unavailable
    return error


def _is_defect(error: OperationalError) -> bool:
    """Whether it will not pass by itself; a table that is missing is about to be made by another process."""
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code in _DEFECTS and "no such" not in str(error.orig)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.text_factory = _TEXT
    cursor = connection.cursor()
    for pragma in (
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-1000",  # of a reader, in KB; and no mmap, whose pages would count as this process's memory
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
