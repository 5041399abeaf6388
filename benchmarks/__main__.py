"""`python -m benchmarks [--full] [--store sqlite|postgresql]`: measure, print the table, write it down."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import byhand, machine, report
from benchmarks.product import Product
from benchmarks.scenarios import FULL, QUICK, Bench, Figures, Size
from benchmarks.vendor import Sink
from tests.postgres import DURABLE, PostgresServer, PostgresUnavailable, running_server

_WORKERS = 2


def main() -> None:
    """Measure one store after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="a million runs in the store; about an hour")
    parser.add_argument("--store", choices=report.STORES, help="only this one; nothing is written down")
    chosen = parser.parse_args()
    size = FULL if chosen.full else QUICK
    load, busy = os.getloadavg()[0], machine.busy()
    began = time.monotonic()
    results: dict[str, Figures] = {}
    by_hand: dict[str, Figures] = {}
    for store in [chosen.store] if chosen.store else report.STORES:
        try:
            results[store], by_hand[store] = _measure(store, size)
        except PostgresUnavailable as reason:
            print(f"PostgreSQL is not measured: {reason}")
            results.pop(store, None)
    found = machine.look(busy=busy, load_before=load)
    print(f"\n{found.sentence}\n\n{report.table(results, by_hand)}")
    print("\n".join(f"Not met: {text}" for text in report.missed(results)) or "Every target is met.")
    if not chosen.store:
        report.write(results, by_hand, found, full=chosen.full)
    print(f"Took {time.monotonic() - began:.0f} s.")


def _measure(store: str, size: Size) -> tuple[Figures, Figures]:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {store}: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="affluent-bench-") as name, _servers(store) as server:
        folder = Path(name)
        sink = Sink(folder)
        try:
            say("the loop written by hand")
            with _database(server) as url:
                by_hand = byhand.measure(folder, sink, size, database_url=url, workers=_WORKERS)
            with _database(server) as url:
                product = Product(folder=folder, database_url=url, workers=_WORKERS)
                bench = Bench(product=product, sink=sink, size=size, say=say)
                if server is not None and server.process is not None:
                    bench.postmaster = server.process.pid
                return bench.measure(), by_hand
        finally:
            sink.process.stop()


@contextmanager
def _servers(store: str) -> Iterator[PostgresServer | None]:
    if store == "sqlite":
        yield None
        return
    with running_server(DURABLE) as server:
        yield server


@contextmanager
def _database(server: PostgresServer | None) -> Iterator[str]:
    if server is None:
        yield ""
        return
    with server.database() as url:
        yield url


if __name__ == "__main__":
    main()
