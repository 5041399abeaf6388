"""Every page of the interface over a large store: first byte, rendering, sizes.

`python -m benchmarks.pages [runs] [sqlite | postgresql | a URL]`; on both stores when none is named.
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

from affluent.store.runs import RunFilter
from affluent.web.customers.customer_list import entries
from affluent.web.request import PageRequest
from benchmarks import seed
from benchmarks.figures import percentile
from tests.e2e.served import Served, served
from tests.e2e.world import SIGN_UP, World
from tests.postgres import DURABLE, running_server

_TIMES = 40
_WARM_UP = 3
_ASSET = re.compile(r'(?:href|src)="(/static/[^"#]+)"')
_BUSY = (
    "home",
    "activity",
    "activity, last day",
    "activity, by flow",
    "customers",
    "account",
    "apps",
    "connection",
    "flows",
)
_FONT = re.compile(r"url\(\.\./(fonts/geist-(?:latin|mono-latin)\.woff2)\)")


@dataclass(frozen=True, kw_only=True)
class Got:
    """One answer."""

    status: int
    milliseconds: float
    cpu: float
    """Milliseconds of this process, whatever else the machine does; the server runs in it, PostgreSQL does not."""
    body: bytes
    cookie: str


class Client:
    """One browser's connection; it takes gzip."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._connection = HTTPConnection(self._to.hostname or "", self._to.port)
        self.cookie = ""

    def get(self, path: str) -> Got:
        """The time is that to the first byte."""
        headers = {"Accept-Encoding": "gzip", "Cookie": self.cookie}
        started, began = perf_counter(), process_time()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        took, cpu = (perf_counter() - started) * 1000, (process_time() - began) * 1000
        cookies = "; ".join(one.split(";")[0] for one in answer.headers.get_all("set-cookie") or [])
        return Got(status=answer.status, milliseconds=took, cpu=cpu, body=answer.read(), cookie=cookies)


@contextmanager
def rendering() -> Iterator[dict[str, list[float]]]:
    """Milliseconds of each rendering, by template, while the context lasts."""
    found: dict[str, list[float]] = defaultdict(list)
    render = PageRequest.render

    def timed(visit: PageRequest, template: str, **context: Any) -> str:  # noqa: ANN401 - whatever a template is given
        started = perf_counter()
        text = render(visit, template, **context)
        found[template].append((perf_counter() - started) * 1000)
        return text

    PageRequest.render = timed  # type: ignore[method-assign]  # timed for this measurement only
    try:
        yield found
    finally:
        PageRequest.render = render  # type: ignore[method-assign]  # as it was


def pages(server: Served, customer: str, account: str) -> dict[str, str]:
    """The pages by name."""
    hub = server.hub
    (run,) = server.call(hub.runs.find(RunFilter(), limit=1))
    flow = server.call(hub.flows.by_key(SIGN_UP)).id
    connection = server.call(hub.connections.list(limit=1)).items[0].id
    _, place = server.call(entries(hub))
    return {
        "home": "/",
        "activity": "/activity",
        "activity, page 2": f"/activity?before={run.id}",
        "activity, by status": "/activity?state=cancelled",
        "activity, by flow": f"/activity?flow={flow}",
        "activity, by connection": f"/activity?connection={connection}",
        "activity, by account": f"/activity?account={account}",
        "activity, last day": "/activity?range=24h",
        "activity, text found": "/activity?q=labs",
        "activity, text not found": "/activity?q=nobodyatall",
        "deliveries": "/activity/deliveries",
        "run": f"/activity/{run.id}",
        "search, by id": f"/search?q={run.id}",
        "search, by name": "/search?q=northwind",
        "search, nothing": "/search?q=nobodyatall",
        "customers": "/customers",
        "customers, page 2": f"/customers?after={place}",
        "customers, by id": f"/customers?q={customer}",
        "customers, by account": f"/customers?q={account}",
        "customers, the oldest": "/customers?q=billing%400000000",
        "customers, nothing": "/customers?q=nobodyatall",
        "customer": f"/customers/{customer}",
        "account": f"/accounts/{account}",
        "apps": "/apps",
        "app": "/apps/firstpromoter",
        "connection": f"/connections/{connection}",
        "flows": "/flows",
        "flow": f"/flows/{flow}",
        "flow, activity": f"/flows/{flow}/activity",
        "api tokens": "/admin/tokens",
    }


def sizes(client: Client, html: bytes) -> tuple[int, int]:
    """Bytes over the wire of what a page loads beside itself: all of it, and the scripts alone."""
    paths = set(_ASSET.findall(html.decode()))
    whole = scripts = 0
    for path in list(paths):
        body = client.get(path).body
        whole += len(body)
        scripts += len(body) if path.endswith(".js") else 0
        if path.endswith(".css"):
            text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
            root = path.rsplit("/css/", 1)[0]
            for font in set(_FONT.findall(text)):
                if f"{root}/{font}" not in paths:
                    paths.add(f"{root}/{font}")
                    whole += len(client.get(f"{root}/{font}").body)
    sprite = re.search(rb'href="(/static/[^"#]+icons\.svg)#', html)
    if sprite:
        whole += len(client.get(sprite[1].decode()).body)
    return whole, scripts


def sized(client: Client, name: str, path: str, rendered: dict[str, list[float]]) -> bool:
    """Print the line of one page; returns whether it is within bounds."""
    for _ in range(_WARM_UP):
        client.get(path)
    rendered.clear()
    got = [client.get(path) for _ in range(_TIMES)]
    waits = sorted(one.milliseconds for one in got)
    renders = sorted(value for values in rendered.values() for value in values)
    loaded, scripts = sizes(client, gzip.decompress(got[-1].body))
    warm, cold = len(got[-1].body) / 1024, (len(got[-1].body) + loaded) / 1024
    first, render = percentile(waits, 95), percentile(renders, 95)
    status, cpu = got[-1].status, percentile(sorted(one.cpu for one in got), 50)
    fine = status == 200 and first < 100 and render < 20 and warm <= 10 and cold <= 110 and scripts <= 30_720
    print(
        f"{name:26}{percentile(waits, 50):>15.1f}{first:>8.1f}{cpu:>9.1f}{render:>12.1f}{warm:>10.1f}{cold:>10.1f}{scripts / 1024:>8.1f}"
        f"{'' if fine else f'  <- {status}'}"
    )
    return fine


def measure(folder: Path, count: int, database_url: str) -> bool:
    """Print the figures; returns whether all are within bounds."""
    with served(folder, database_url) as server, rendering() as rendered:
        world = World(server)
        world.switch_on(SIGN_UP, world.connect())
        party = world.sign_up(0)
        world.settled()
        url = database_url or f"sqlite:///{folder / 'affluent.db'}"
        beside(seed.customers, url, count)
        beside(seed.finished, url, count)
        client = Client(server.url)
        link = server.call(server.hub.people.signed_in_link(name="Mira Kapoor", email="mira@example.com"))
        client.cookie = client.get(urlsplit(link).path + "?" + urlsplit(link).query).cookie
        print(f"{count:,} runs, {count:,} customers, {url.split(':')[0]}")
        print(
            f"{'page':26}{'first byte p50':>15}{'p95':>8}{'cpu p50':>9}{'render p95':>12}{'warm KiB':>10}{'cold KiB':>10}{'script':>8}"
        )
        found = pages(server, "CUS-1000", party.account_id)
        fine = [sized(client, name, path, rendered) for name, path in found.items()]
        beside(seed.busy_day, url, count)
        print(f"and {count:,} more runs within the last 24 hours")
        fine += [sized(client, name, found[name], rendered) for name in _BUSY]
    return all(fine)


def beside(work: Callable[[str, int], None], url: str, count: int) -> None:
    """Work that has an event loop of its own."""
    thread = threading.Thread(target=work, args=(url, count))
    thread.start()
    thread.join()


def both(count: int, wanted: str) -> bool:
    """Measure on SQLite and on a PostgreSQL of its own, or on the one store that is wanted: its name or its address."""
    fine = True
    for store in [wanted] if wanted else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as made, running_database(store) as url:
            fine = measure(Path(made), count, url) and fine
    return fine


@contextmanager
def running_database(store: str) -> Iterator[str]:
    """Its address; empty for SQLite."""
    if store != "postgresql":
        yield "" if store == "sqlite" else store
        return
    with running_server(DURABLE) as server, server.database() as url:
        yield url


if __name__ == "__main__":
    arguments = [*sys.argv[1:], "", ""]
    sys.exit(0 if both(int(arguments[0] or 100_000), arguments[1]) else 1)
