"""The vendor's own side: books that show every double, and manners that can be as bad as one likes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.serving import answering

Manner = str
"""One of BEFORE (nothing is applied), AFTER (it is applied, but the answer is lost or garbled), "slow", "late" (applied after
the client has given up) or "" (well-behaved)."""

BEFORE = ("429", "500", "503", "reset")
AFTER = ("drop", "502", "html", "truncated", "empty", "cut")
SLOW_SECONDS = 0.3
LATE_SECONDS = 2.2


@dataclass
class Sink:
    """A vendor with two kinds of books. `manner` is asked once per request: (method, path) → how to behave."""

    lines: Counter[str] = field(default_factory=Counter)
    """Written blindly: line id → how often."""
    entries: Counter[str] = field(default_factory=Counter)
    """Written under a key: entry id → how often it was applied."""
    keys: dict[str, str] = field(default_factory=dict)
    order: dict[str, list[str]] = field(default_factory=dict)
    """Account → its lines, in the order in which they were written."""
    requests: int = 0
    repeats: int = 0
    """Requests under a key that had been applied before: recognised, and not applied again."""
    manner: Callable[[str, str], Manner] = lambda _method, _path: ""
    manners: Counter[str] = field(default_factory=Counter)
    url: str = ""
    limit: int = 0
    """At most so many requests in any `window` seconds; what comes beyond is refused with 429. 0: as many as one likes."""
    window: float = 60.0
    arrivals: list[float] = field(default_factory=list)
    """When the requests came, in seconds."""
    taken: deque[float] = field(default_factory=deque)
    refused: int = 0

    def _is_too_much(self) -> bool:
        now = time.monotonic()
        self.arrivals.append(now)
        while self.taken and self.taken[0] <= now - self.window:
            self.taken.popleft()
        if self.limit and len(self.taken) >= self.limit:
            self.refused += 1
            return True
        self.taken.append(now)
        return False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Behave as asked, and keep the books."""
        self.requests += 1
        if self._is_too_much():
            return web.json_response({"message": "too many requests"}, status=429, headers={"Retry-After": "1"})
        manner = self.manner(request.method, request.path)
        self.manners[manner] += 1
        body = await request.json() if request.method == "POST" else {}
        if manner in ("slow", "late"):
            await asyncio.sleep(SLOW_SECONDS if manner == "slow" else LATE_SECONDS)
        if manner == "reset":
            _abort(request)
        if manner in BEFORE:
            return web.json_response({"message": "not now"}, status=int(manner) if manner.isdigit() else 503)
        status, answer = self._apply(request, body)
        if manner == "drop":
            _abort(request)
        if manner in AFTER and status == 200:
            return await _garbled(manner, request)
        return web.json_response(answer, status=status)

    def _apply(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, str]]:
        if request.method == "GET":
            wanted = request.match_info["id"]
            return (200, {"receipt": f"r-{wanted}"}) if self.lines[wanted] else (404, {"message": "no such line"})
        wanted = body["id"]
        if request.path == "/lines":
            self.lines[wanted] += 1
            self.order.setdefault(body["account"], []).append(wanted)
        else:
            key = request.headers["Idempotency-Key"]
            if key in self.keys:
                self.repeats += 1
            else:
                self.keys[key] = wanted
                self.entries[wanted] += 1
        return 200, {"receipt": f"r-{wanted}"}


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _garbled(manner: str, request: web.Request) -> web.StreamResponse:
    if manner == "cut":
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"receipt": "')
        _abort(request)
        return response
    status, kind, text = {
        "502": (502, "text/html", "<h1>Bad gateway</h1>"),
        "html": (200, "text/html", "<h1>Welcome</h1>"),
        "truncated": (200, "application/json", '{"receipt": "r-'),
        "empty": (200, "application/json", ""),
        "drop": (503, "text/plain", ""),
    }[manner]
    return web.Response(status=status, content_type=kind, text=text)


@asynccontextmanager
async def sink(*, limit: int = 0, window: float = 60.0) -> AsyncIterator[Sink]:
    """A vendor on a free port."""
    made = Sink(limit=limit, window=window)
    application = web.Application()
    application.router.add_post("/lines", made.handle)
    application.router.add_get("/lines/{id}", made.handle)
    application.router.add_post("/entries", made.handle)
    async with answering(application, shutdown_seconds=0.5) as made.url:
        yield made
