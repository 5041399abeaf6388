"""The sender of the benchmarks: a process of its own that posts signed events of one kilobyte over kept-alive connections.

At a given rate every event has its moment, and its latency counts from that moment, also when no connection was free then.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
import time
from array import array
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.figures import percentile

_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to send. `rate` 0: as fast as the answers come, over `connections` at a time."""

    url: str
    secret: str
    prefix: str
    count: int
    rate: float
    connections: int
    tell: bool = False
    """Whether the moment of every event is told in the answer."""


def event_body(event_id: str) -> bytes:
    """An event of one kilobyte."""
    head = b'{"id":"%b","type":"order.paid","amount":"24.99","currency":"USD","note":"' % event_id.encode()
    return head + b"x" * (_BYTES - len(head) - 2) + b'"}'


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The answer, or a part of it."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._buffer[:end].lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            self._answer.set_result(head[9:12])
            self._answer, self._buffer = None, b""

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def post(self, request: bytes) -> bytes:
        """Send; returns the status."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


class Sender:
    """Sends an order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        parts = urlsplit(order.url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\ncontent-length: {_BYTES}\r\n"
        ).encode()
        self._secret = order.secret.encode()
        self._next = 0
        self._began = 0.0
        self._latencies: array[float] = array("d")
        self._moments: dict[str, float] = {}
        self._refused = 0

    async def send(self) -> dict[str, object]:
        """Send everything; returns what was seen."""
        loop = asyncio.get_running_loop()
        pairs = [
            await loop.create_connection(Connection, self._host, self._port) for _ in range(self._order.connections)
        ]
        self._began = time.monotonic()
        await asyncio.gather(*(self._keep_sending(protocol) for _, protocol in pairs))
        seconds = time.monotonic() - self._began
        for transport, _ in pairs:
            transport.close()
        latencies = sorted(self._latencies)
        return {
            "accepted": len(latencies),
            "refused": self._refused,
            "began_at": self._began,
            "seconds": seconds,
            "rate": len(latencies) / seconds,
            "p50": percentile(latencies, 50),
            "p99": percentile(latencies, 99),
            "moments": self._moments,
        }

    async def _keep_sending(self, connection: Connection) -> None:
        order = self._order
        while self._next < order.count:
            number = self._next
            self._next += 1
            event_id = f"{order.prefix}-{number}"
            if order.rate:
                due = self._began + number / order.rate
                await asyncio.sleep(max(due - time.monotonic(), 0.0))
            else:
                due = time.monotonic()
            if order.tell:
                self._moments[event_id] = due
            status = await connection.post(self._request(event_id))
            if status.startswith(b"2"):
                self._latencies.append(time.monotonic() - due)
            else:
                self._refused += 1

    def _request(self, event_id: str) -> bytes:
        body = event_body(event_id)
        signature = hmac.digest(self._secret, body, "sha256").hex()
        head = self._head + b"x-signature: sha256=%b\r\n\r\n" % signature.encode()
        return head + body


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Sender(Order(**json.loads(sys.argv[1]))).send())))
