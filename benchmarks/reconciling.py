"""Reconcile stored snapshots of many invoices: seconds and peak memory. `python -m benchmarks.reconciling [invoices]`.

The books are those of the tests, spoiled in more than forty ways; filling them in is not measured.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import Connection

from affluent.bootstrap import build
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.settings import Settings
from affluent.store import snapshots as store
from tests.support.money import END, START, books

_PAGE = 2_000


async def measure(count: int, folder: Path) -> dict[str, float]:
    """Figures of one reconciliation."""
    hub = build(Settings(data_dir=folder), own_url="http://127.0.0.1:1")
    await hub.open()
    span = {"window_start": START, "window_end": END}
    values = {"period_start": START, "period_end": END, "zone": "Asia/Kolkata", "author": "bench", "name": None}

    def begin(connection: Connection) -> str:
        return store.begin(connection, values, [{"app": "workspace", "connection_id": "", **span}]) or ""

    statement_id = await hub.database.write(begin)
    (snapshot,) = await hub.database.read(lambda c: store.snapshots_of(c, statement_id))
    records, rows = 0, []
    for _, made in books(count):
        rows += [
            {**record._asdict(), "kind": record.kind.value, "about": record.case_id} for record in made.records.values()
        ]
        if len(rows) >= _PAGE:
            records += len(rows)
            await hub.database.write(lambda c, page=rows: store.keep(c, snapshot, page, None, more=True))
            rows = []
    await hub.database.write(lambda c: store.keep(c, snapshot, rows, None, more=True))
    await hub.database.write(lambda c: store.change(c, statement_id, phase="comparing", leased_until=clock.now()))
    lease = await hub.database.write(lambda c: store.take(c, statement_id)) or 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, begun = perf_counter(), process_time()
    await hub.reconciliation.compare(statement_id, lease)
    seconds, cpu = perf_counter() - started, process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = await hub.reconciliation.get(statement_id)
    await hub.close()
    return {
        "invoices": count,
        "records": records + len(rows),
        "lines": sum(total.count for total in found.totals),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_megabytes": round(peak / 1024, 1),
        "grown_megabytes": round((peak - before) / 1024, 1),
    }


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix=new_id("bench")) as folder:
        figures = asyncio.run(measure(count, Path(folder)))
    for name, value in figures.items():
        sys.stdout.write(f"{name:18} {value}\n")


if __name__ == "__main__":
    main()
