"""Whoever sends slowly, endlessly, too often or not to the end, over real sockets: bounded, answered, and no traceback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from affluent.server.process import address, bind, serving
from affluent.server.protocol import MOST_HEAD_BYTES, Patient
from affluent.services.inbound.webhooks import Answer
from affluent.web.live import MOST_PER_ADDRESS, MOST_PER_SESSION, Live
from affluent.webhooks.receive import WebhookMiddleware

HEAD = b"POST /form HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\n"


async def echo(scope, receive, send):
    """Reads the whole body, then says how long it was."""
    body = await Request(scope, receive).body()
    await Response(str(len(body)))(scope, receive, send)


@asynccontextmanager
async def served(app: ASGIApp = echo, *, body_seconds: float = 5, **bounds: float) -> AsyncIterator[int]:
    """A server on a port of its own, with the bounds of the product but for those given."""
    sock = bind("127.0.0.1", 0)
    async with serving(Patient(app, body_seconds=body_seconds), [sock], **bounds):
        yield urlsplit(address(sock)).port or 0


async def said(port: int, *parts: bytes) -> bytes:
    """What the server answers to these bytes, after which nothing more is sent and the connection stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read(4096)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_is_answered() -> None:
    async with served() as port:
        assert (await said(port, HEAD, b"0123456789")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"POST /form HTTP/1.1\r\nHost: hub\r\nX-Slow: "])
async def test_headers_that_do_not_come_to_their_end_are_given_up(sent: bytes) -> None:
    async with served(head_seconds=0.2) as port:
        assert (await said(port, sent)).startswith(b"HTTP/1.1 408")


async def test_the_headers_of_a_second_request_are_timed_as_well() -> None:
    async with served(head_seconds=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"0123456789")
        assert (await reader.read(4096)).startswith(b"HTTP/1.1 200")
        writer.write(b"POST /form HTTP/1.1\r\nX-Slow: ")
        async with asyncio.timeout(20):
            assert (await reader.read(4096)).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_headers_are_not_read_without_end() -> None:
    async with served() as port:
        one = b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: " + b"a" * (MOST_HEAD_BYTES + 10)
        many = b"GET / HTTP/1.1\r\nHost: hub\r\n" + b"X-A: b\r\n" * (MOST_HEAD_BYTES // 8 + 10) + b"\r\n"
        for sent in (one, many):
            assert (await said(port, sent)).startswith(b"HTTP/1.1 431")
        assert (await said(port, HEAD, b"0123456789")).startswith(b"HTTP/1.1 200")


async def test_a_body_that_does_not_come_to_its_end_is_given_up() -> None:
    async with served(body_seconds=0.2) as port:
        assert (await said(port, HEAD, b"012")).startswith(b"HTTP/1.1 408")


async def test_an_address_holds_only_so_many_connections_and_may_go_on_when_it_closes_some() -> None:
    async with served(per_address=3) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert (await said(port)).startswith(b"HTTP/1.1 503")
        for _reader, writer in held:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(20):
            while not (await said(port, HEAD, b"0123456789")).startswith(b"HTTP/1.1 200"):
                await asyncio.sleep(0)


async def test_a_sender_that_hangs_up_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    finished = asyncio.Event()

    async def noting(scope, receive, send):
        try:
            await echo(scope, receive, send)
        finally:
            finished.set()

    async with served(noting) as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"012")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(20):
            await finished.wait()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_webhook_that_does_not_come_to_its_end_is_refused_and_kept() -> None:
    kept = []

    class Hooks:
        async def refuse_too_slow(self, _link, beginning, _headers, _seconds):
            kept.append(beginning)
            return Answer(status=408, body={"message": "Too slow."})

    door = WebhookMiddleware(Hooks(), echo, max_body_bytes=1000, body_seconds=0.2)
    async with served(door) as port:
        head = HEAD.replace(b"/form", b"/hooks/fco_1/token")
        assert (await said(port, head, b"012")).startswith(b"HTTP/1.1 408")
    assert kept == [b"012"]


@pytest.mark.parametrize(
    ("most", "who"),
    [(MOST_PER_SESSION, lambda number: ("s", f"a{number}")), (MOST_PER_ADDRESS, lambda n: (f"s{n}", "a"))],
)
async def test_a_session_and_an_address_hold_only_so_many_streams(most, who) -> None:
    live = Live()

    async def nothing():
        return None

    async def html():
        return "<p>"

    def stream(number):
        session, address = who(number)
        return live.stream("k", probe=nothing, render=html, farewell=nothing, session=session, address=address)

    opened = [stream(number) for number in range(most)]
    for answer in opened:
        await anext(answer.body_iterator)
    assert stream(most).status_code == 429
    for answer in opened:
        await answer.body_iterator.aclose()
    assert stream(most).status_code == 200
    assert live.subscribers == 0
