"""The vendor of the benchmarks: a process of its own that counts requests by Idempotency-Key and notes when each came."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections import Counter, deque
from typing import cast

import orjson
import uvloop

_ANSWER = b'{"ok":true}'
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n" + _ANSWER
_SLOW_DOWN = (
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)


class Books:
    """What was asked for since the last reset. Times are of the machine's monotonic clock."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, *, requests: int = 0, seconds: float = 0.0) -> None:
        """Forget everything; answer 429 to more than `requests` in any `seconds`, when given."""
        self.keys: Counter[bytes] = Counter()
        self.arrivals: array[float] = array("d")
        self.first: dict[str, float] = {}
        self.refused = 0
        self.keyless = 0
        self._requests, self._seconds = requests, seconds
        self._window: deque[float] = deque()

    def call(self, path: bytes, key: bytes, body: bytes) -> bytes:
        """Note one request of the product and answer it."""
        now = time.monotonic()
        if self._requests:
            while self._window and self._window[0] <= now - self._seconds:
                self._window.popleft()
            if len(self._window) >= self._requests:
                self.refused += 1
                return _SLOW_DOWN
            self._window.append(now)
        self.arrivals.append(now)
        if key:
            self.keys[key] += 1
        else:
            self.keyless += 1
        if path.endswith(b"/first"):
            self.first.setdefault(orjson.loads(body)["id"], now)
        return _OK

    def summary(self) -> dict[str, object]:
        """Counts only; cheap enough to be asked for while it runs."""
        return {
            "requests": len(self.arrivals),
            "keys": len(self.keys),
            "doubled": sum(count > 1 for count in self.keys.values()),
            "keyless": self.keyless,
            "refused": self.refused,
            "first_at": self.arrivals[0] if self.arrivals else 0.0,
            "last_at": self.arrivals[-1] if self.arrivals else 0.0,
        }

    def answer(self, path: bytes, body: bytes) -> bytes:
        """The runner's own questions."""
        if path == b"/reset":
            self.reset(**(orjson.loads(body) if body else {}))
            return _json({})
        if path == b"/first-calls":
            return _json(self.first)
        if path == b"/arrivals":
            return _json(self.arrivals.tolist())
        return _json({"requests": len(self.arrivals)} if path == b"/count" else self.summary())


def _json(value: object) -> bytes:
    body = orjson.dumps(value)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Door(asyncio.Protocol):
    """As little HTTP as two well-behaved clients need: kept alive, one request after another."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0 and self._transport is not None:
            line, *fields = self._buffer[:head_end].split(b"\r\n")
            headers = dict(field.lower().split(b": ", 1) for field in fields)
            end = head_end + 4 + int(headers.get(b"content-length", b"0"))
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
            path = line.split(b" ", 2)[1]
            if path.startswith(b"/call/"):
                self._transport.write(self._books.call(path, headers.get(b"idempotency-key", b""), body))
            else:
                self._transport.write(self._books.answer(path, body))


async def _serve() -> None:
    books = Books()
    server = await asyncio.get_running_loop().create_server(lambda: Door(books), "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
