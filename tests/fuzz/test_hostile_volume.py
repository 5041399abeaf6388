"""Hostile webhooks and forms in volume, over real sockets: no 5xx, no long stall of the event loop, memory flat.

`make fuzz` sends 100,000; `HOSTILE=2000 .venv/bin/pytest tests/fuzz/test_hostile_volume.py -m fuzz -n0` sends as many as that.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import resource
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, thread_time
from urllib.parse import urlencode, urlsplit

import pytest

from affluent.apps.webhook.signature import plain
from affluent.bootstrap import Hub, build
from affluent.kit.jsons import dumps
from affluent.server.application import application
from affluent.server.process import address, bind, serving
from affluent.settings import Settings
from tests.integration.security.routes import WEB
from tests.support.webhooks import SENDERS, Sender

MANY = int(os.environ.get("HOSTILE", "100000"))
FEW = 300
CONNECTIONS = 16
MOST_STALL_SECONDS = 0.1
MOST_GROWTH_BYTES = 60_000_000
"""Caches fill at first; what grows with every request shows far above this in a hundred thousand."""
_TICK_SECONDS = 0.005
_SCALARS = [
    None, True, 0, -1, 2**63, 10**400, 1e30, "", "\x00", "\ud83d", "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00",
    "1e999990", "9" * 5000, "x" * 3000, [], {}, [[]], {"id": None}, ["x"], {"\x00": "\ud83d"},
]  # fmt: skip
_BODIES = [
    b"", b"{", b"null", b"[" * 50_000, b'{"a":' * 5_000, b"\xff\xfe\x00", b"\xef\xbb\xbf{}", rb'{"id": "\ud83d"}',
    b'{"n": 1e400}', b'{"n": ' + b"9" * 20_000 + b"}", b"{" + b'"a":1,' * 30_000 + b'"b":1}', b'{"id":' + b"\\\\u0000" * 9_000 + b"}",
    b'{"s": "' + b"\\\\" * 100_000 + rb'\ud83d"}', b"[" + b"[]," * 100_000 + b"[]]",
]  # fmt: skip
_BOMBS = [gzip.compress(bytes(20_000_000)), zlib.compress(bytes(20_000_000))]
_HEADERS = [
    ("content-encoding", "gzip"), ("content-encoding", "br"), ("content-type", "application/json; charset=utf-16"),
    ("content-type", "text/plain; charset=punycode"), ("content-type", "multipart/form-data; boundary=x"), ("expect", "x"),
    ("x-event-id", "a" * 2000), ("webhook-id", "\xe9"), ("authorization", "Basic ===="), ("cookie", "affluent=" + "a" * 500),
    ("content-type", "application/json; charset=" + "a" * 300), ("traceparent", "00-x"), ("x-forwarded-for", "' or 1=1"),
]  # fmt: skip
_TYPED = [
    "",
    "\x00",
    "<script>",
    "{{ 1/0 }}",
    "9" * 400,
    "-1",
    "//evil.example",
    "\r\nSet-Cookie: a=b",
    "é" * 200,
    "[[",
    "1e999",
]
_FIELDS = [
    "name",
    "email",
    "password",
    "next",
    "role",
    "steps",
    "inputs.payload",
    "amount",
    "value",
    "to",
    "code",
    "a" * 200,
]


@dataclass
class Watch:
    """What was seen meanwhile."""

    statuses: Counter[int] = field(default_factory=Counter)
    worst_seconds: float = 0.0
    latest_seconds: float = 0.0
    cases: int = 0

    async def ticks(self) -> None:
        """Note how late the event loop comes to what is due, and how long its thread worked meanwhile.

        On a machine that is busy with other things only the second tells of this product.
        """
        while True:
            due, worked = perf_counter() + _TICK_SECONDS, thread_time()
            await asyncio.sleep(_TICK_SECONDS)
            self.latest_seconds = max(self.latest_seconds, perf_counter() - due)
            self.worst_seconds = max(self.worst_seconds, thread_time() - worked)


@dataclass(frozen=True)
class Hook:
    """Where a sender's webhooks go, and with which secret."""

    sender: Sender
    path: str
    secret: str


def _hostile_body(rng: random.Random, sender: Sender) -> bytes:
    if rng.random() < 0.3:
        return rng.choice(_BODIES)
    document = deepcopy(sender.event)
    for _ in range(rng.randint(0, 3)):
        part = rng.choice([document, *(value for value in document.values() if isinstance(value, dict))])
        part[rng.choice([*document, "id", "created_at", "notes", "amount", "data"])] = deepcopy(rng.choice(_SCALARS))
    return repr(document).encode("utf-8", "surrogatepass") if rng.random() < 0.1 else json.dumps(document).encode()


def _json(document: object) -> bytes:
    import json

    return json.dumps(document, default=str).encode()


def _webhook(rng: random.Random, hook: Hook) -> bytes:
    body = _hostile_body(rng, hook.sender)
    proof = hook.sender.prove(body, hook.secret) if rng.random() < 0.8 else {"x-signature": plain(body, "wrong")}
    headers = {**hook.sender.headers, **proof, **dict(rng.sample(_HEADERS, rng.randint(0, 3)))}
    if rng.random() < 0.1:
        body = rng.choice([gzip.compress, zlib.compress])(body) if rng.random() < 0.5 else rng.choice(_BOMBS)
        headers["content-encoding"] = "gzip"
    return _request(hook.path, body, headers)


def _form(rng: random.Random, paths: list[str]) -> bytes:
    typed = {rng.choice(_FIELDS): rng.choice(_TYPED) for _ in range(rng.randint(0, 8))}
    kind = rng.choice(["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"])
    return _request(rng.choice(paths), urlencode(typed).encode(), {"content-type": kind, "origin": "http://127.0.0.1"})


def _request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    sent = {"host": "127.0.0.1", **headers, "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


async def _send(port: int, requests: Iterator[bytes], watch: Watch) -> None:
    """Send requests one after another over one connection, or another when it was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        watch.statuses[int(head.split(b" ", 2)[1])] += 1
        watch.cases += 1
        lower = head.lower()
        if b"content-length:" not in lower or b"connection: close" in lower:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        size = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(size)
    writer.close()


async def _hooks(hub: Hub) -> list[Hook]:
    """One hook per way in which the webhooks of the catalogue come."""
    made = []
    step = {"id": "wait", "app": "flow_control", "action": "delay", "inputs": {"days": 300}}
    for sender in SENDERS:
        bindings = {}
        if sender.fields is not None:
            connection = await hub.connections.create(
                app=sender.app, name=str(sender), fields=sender.entered, skip_test=True
            )
            bindings = {"trigger": connection.id}
        definition = {
            "name": str(sender), "type": "outbound" if sender.app == "togai" else "inbound",
            "trigger": {"app": sender.app, "trigger": sender.trigger}, "steps": [step],
        }  # fmt: skip
        flow = await hub.flows.create(definition, publish=True)
        link = await hub.flow_connections.create(flow_id=flow.flow.id, name=str(sender), bindings=bindings)
        path = urlsplit(link.flow_connection.webhook_url).path
        made.append(Hook(sender, path, link.hook_secret or sender.secret or ""))
    return made


def _cases(hooks: list[Hook], count: int, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    forms = [
        route.removeprefix("POST ").replace("{", "").replace("}", "") for route in WEB if route.startswith("POST ")
    ]
    for _ in range(count):
        yield _webhook(rng, rng.choice(hooks)) if rng.random() < 0.7 else _form(rng, forms)


async def _volume(folder: Path, count: int) -> tuple[Watch, int]:
    """Send so many cases; what was seen, and by how much the process grew after the first tenth."""
    sock = bind("127.0.0.1", 0)
    hub = build(Settings(data_dir=folder, requests_per_minute=0), own_url=address(sock))
    await hub.open()
    watch = Watch()
    try:
        hooks = await _hooks(hub)
        async with serving(application(hub), [sock]):
            port = urlsplit(address(sock)).port or 0
            await _share(port, hooks, count // 10, watch)
            before = _resident()
            ticking = asyncio.create_task(watch.ticks())
            await _share(port, hooks, count - count // 10, watch)
            ticking.cancel()
            return watch, _resident() - before
    finally:
        await hub.close()


async def _share(port: int, hooks: list[Hook], count: int, watch: Watch) -> None:
    each = max(1, count // CONNECTIONS)
    await asyncio.gather(
        *(_send(port, _cases(hooks, each, seed), watch) for seed in range(watch.cases, watch.cases + CONNECTIONS))
    )


def _resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def test_hostile_webhooks_and_forms_are_answered_without_a_defect(tmp_path: Path) -> None:
    watch, _growth = await _volume(tmp_path, FEW)
    assert watch.cases > FEW * 0.7
    assert [status for status in watch.statuses if status >= 500] == []
    assert watch.statuses[200] > 0


@pytest.mark.fuzz
@pytest.mark.timeout(0)
async def test_a_great_volume_of_it_stalls_nothing_and_leaves_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    watch, growth = await _volume(tmp_path, MANY)
    line = (
        f"{watch.cases:,} hostile webhooks and forms: statuses {dict(sorted(watch.statuses.items()))},"
        f" longest work at a stretch {watch.worst_seconds * 1000:.0f} ms"
        f" (on the clock {watch.latest_seconds * 1000:.0f} ms), memory grew by {growth / 1e6:.1f} MB"
    )
    record_property("line", line)
    print(line)
    assert [status for status in watch.statuses if status >= 500] == []
    assert watch.worst_seconds < MOST_STALL_SECONDS, dumps({"seconds": watch.worst_seconds})
    assert growth < MOST_GROWTH_BYTES
