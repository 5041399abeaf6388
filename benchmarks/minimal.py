"""A loop written by hand with the same durability and no product: what this machine and these libraries allow.

It checks the signature, commits the event, answers, makes two calls with a key each and commits every step before the next.
One process on SQLite; on PostgreSQL a server and workers that take rows with SKIP LOCKED. No flows, no retries, no ordering,
no limits, no redaction, no record of what was said.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import queue
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_CALLS = ("first", "call_2")
_AT_ONCE = 64
_LINGER_SECONDS = 0.002

Rows = Sequence[tuple[str, str]]
Write = Callable[[str, Rows], Awaitable[object]]
"""(what, rows) → when they are durable: "event" (id, body), "step" (id, call), "end" (id, call)."""


class SqliteLoop:
    """One writer thread that groups commits."""

    statements = {  # noqa: RUF012 - a constant
        "event": "INSERT INTO runs (id, body, state) VALUES (?, ?, 'queued') ON CONFLICT DO NOTHING",
        "step": "INSERT INTO steps (run, call) VALUES (?, ?) ON CONFLICT DO NOTHING",
        "end": "UPDATE runs SET state = 'done' WHERE id = ?1 AND ?2 = ?2",
    }

    def __init__(self, path: str) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[tuple[str, Rows, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._write_forever, daemon=True).start()

    async def write(self, what: str, rows: Rows) -> None:
        """Return when the rows are durable."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((what, rows, future))
        await future

    def _write_forever(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, body TEXT, state TEXT)")
        connection.execute("CREATE TABLE IF NOT EXISTS steps (run TEXT, call TEXT, PRIMARY KEY (run, call))")
        while True:
            jobs = [self._jobs.get()]
            time.sleep(_LINGER_SECONDS if self._jobs.qsize() else 0)
            while not self._jobs.empty():
                jobs.append(self._jobs.get())
            connection.execute("BEGIN IMMEDIATE")
            for what, statement in self.statements.items():
                connection.executemany(statement, [row for job in jobs if job[0] == what for row in job[1]])
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(
                lambda done=[job[2] for job in jobs]: [one.set_result(None) for one in done]
            )


class PostgresLoop:
    """One task that groups commits."""

    statements = {  # noqa: RUF012 - a constant
        "event": "INSERT INTO runs (id, body, state) SELECT *, 'queued' FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
        "step": "INSERT INTO steps (run, call) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
        "end": "UPDATE runs SET state = 'done' FROM unnest($1::text[], $2::text[]) e(run, call) WHERE id = e.run",
    }
    take = (
        "UPDATE runs SET state = 'running' WHERE id IN"
        " (SELECT id FROM runs WHERE state = 'queued' LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id, body"
    )

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._jobs: asyncio.Queue[tuple[str, Rows, asyncio.Future[None]]] = asyncio.Queue()
        self._task = asyncio.create_task(self._write_forever())

    async def write(self, what: str, rows: Rows) -> None:
        """Return when the rows are durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((what, rows, future))
        await future

    async def _write_forever(self) -> None:
        async with self.pool.acquire() as connection:
            while True:
                jobs = [await self._jobs.get()]
                await asyncio.sleep(_LINGER_SECONDS if self._jobs.qsize() else 0)
                while not self._jobs.empty():
                    jobs.append(self._jobs.get_nowait())
                async with connection.transaction():
                    for what, statement in self.statements.items():
                        rows = [row for job in jobs if job[0] == what for row in job[1]]
                        if rows:
                            await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))
                    if any(job[0] == "event" for job in jobs):
                        await connection.execute("NOTIFY runs")
                for job in jobs:
                    job[2].set_result(None)


async def _run(write: Write, session: aiohttp.ClientSession, sink: str, run: str, body: str) -> None:
    wanted = orjson.loads(body)
    sent = orjson.dumps({"id": wanted["id"], "amount": wanted["amount"], "currency": wanted["currency"]})
    for call in _CALLS:
        headers = {"Idempotency-Key": f"{run}/{call}", "Content-Type": "application/json"}
        async with session.post(f"{sink}/call/{call}", data=sent, headers=headers) as answer:
            orjson.loads(await answer.read())
        written = [write("step", [(run, call)])]
        if call == _CALLS[-1]:
            written.append(write("end", [(run, "")]))
        await asyncio.gather(*written)


async def _accept(write: Write, secret: bytes, request: Request, begin: Callable[[str, str], None]) -> Response:
    body = await request.body()
    expected = "sha256=" + hmac.digest(secret, body, "sha256").hex()
    if not hmac.compare_digest(request.headers.get("x-signature", ""), expected):
        return Response(status_code=401)
    event = orjson.loads(body)["id"]
    await write("event", [(event, body.decode())])
    begin(event, body.decode())
    return Response(b'{"ok":true}', media_type="application/json")


async def _serve(write: Write, secret: str, begin: Callable[[str, str], None]) -> None:
    async def receive(request: Request) -> Response:
        return await _accept(write, secret.encode(), request, begin)

    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"minimal loop is ready at http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route("/hooks", receive, methods=["POST"])])
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([sock])


async def _embedded(folder: str, sink: str, secret: str) -> None:
    loop, places, tasks = SqliteLoop(str(Path(folder) / "minimal.db")), asyncio.Semaphore(_AT_ONCE), set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def run(event: str, body: str) -> None:
            async with places:
                await _run(loop.write, session, sink, event, body)

        def begin(event: str, body: str) -> None:
            task = asyncio.create_task(run(event, body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        await _serve(loop.write, secret, begin)


async def _server(url: str, _sink: str, secret: str) -> None:
    async with asyncpg.create_pool(url, min_size=2, max_size=2) as pool:
        await pool.execute("CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, body TEXT, state TEXT)")
        await pool.execute("CREATE INDEX IF NOT EXISTS queued ON runs (id) WHERE state = 'queued'")
        await pool.execute("CREATE TABLE IF NOT EXISTS steps (run TEXT, call TEXT, PRIMARY KEY (run, call))")
        await _serve(PostgresLoop(pool).write, secret, lambda _event, _body: None)


async def _worker(url: str, sink: str, _secret: str) -> None:
    tasks: set[asyncio.Task[None]] = set()
    awake = asyncio.Event()
    async with asyncpg.create_pool(url, min_size=3, max_size=3) as pool, aiohttp.ClientSession() as session:
        loop = PostgresLoop(pool)
        listener = await asyncpg.connect(url)
        await listener.add_listener("runs", lambda *_: awake.set())
        print("minimal worker is ready", flush=True)
        while True:
            awake.clear()
            free = _AT_ONCE - len(tasks)
            taken = await pool.fetch(loop.take, free) if free > _AT_ONCE // 4 else []
            for row in taken:
                task = asyncio.create_task(_run(loop.write, session, sink, row["id"], row["body"]))
                tasks.add(task)
                task.add_done_callback(lambda task: (tasks.discard(task), awake.set()))
            if not taken:
                try:
                    await asyncio.wait_for(awake.wait(), 1)
                except TimeoutError:
                    continue


if __name__ == "__main__":
    role = {"embedded": _embedded, "server": _server, "worker": _worker}[sys.argv[1]]
    uvloop.run(role(sys.argv[2], json.loads(sys.argv[3])["sink"], os.environ["BENCHMARK_SECRET"]))
