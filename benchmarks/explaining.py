"""How fast "why" answers in a large store: `python -m benchmarks.explaining [effects]`. The store is filled by SQL, unmeasured."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import Connection

from affluent.bootstrap import build
from affluent.settings import Settings

_ASKED = 300
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
_PAYLOAD = (
    '\'{"invoice":{"id":"inv.\' || i || \'","number":"INV-\' || i || \'","net":"2499.00","tax":"0.00","total":"2499.00",'
    '"currency":"USD","status":"PAID","line_items":[{"description":"Growth","net":"2499.00"}]}}\''
)
_FILL = (
    (
        "INSERT INTO events (id, source, external_id, app, type, account_id, customer_id, title, amount_minor, currency,"
        " occurred_at, received_at, payload) SELECT printf('evt_%026d', i), 'workspace', 'invoice.paid:inv.' || i, 'togai',"
        " 'invoice.paid', 'ACC-' || (i % 50000), 'C', 'INV-' || i, 249900, 'USD', i, i, PAYLOAD FROM n"
    ),
    (
        "INSERT INTO runs (id, event_id, flow_id, flow_version, flow_connection_id, state, ready, priority, rank, ordering_key,"
        " event_at, due_at, lease, position, tries, account_id, title, amount_minor, currency, sentence, cause, waits_for, cancel,"
        " created_at, finished_at) SELECT printf('run_%026d', i), printf('evt_%026d', i), 'flo_1', 1, 'fco_1', 'succeeded', true,"
        " 0, 0, 'k', i, i, 1, 1, 0, 'ACC-' || (i % 50000), 'INV-' || i, 249900, 'USD', 'ok', '', '', false, i, i FROM n"
    ),
    (
        "INSERT INTO step_runs (run_id, position, step_id, app, action, connection_id, state, outcome, sentence, input, output,"
        " effect, effect_key, tries, started_at, finished_at) SELECT printf('run_%026d', i), 0, 'sale', 'firstpromoter',"
        " 'track_sale', 'con_1', 'done', 'applied', '', '{\"amount\":249900,\"currency\":\"USD\"}', '{\"sale_id\":' || i || '}',"
        " 'idempotent_write', 'con_1/firstpromoter.track_sale/inv.' || i, 1, i, i FROM n"
    ),
    (
        "INSERT INTO attempts (run_id, position, number, started_at, milliseconds, outcome, status, sentence, exchanges)"
        " SELECT printf('run_%026d', i), 0, 1, i, 80, 'applied', 200, '', '[{\"url\":\"/track/sale\",\"status\":200}]' FROM n"
    ),
    (
        "INSERT INTO effects (key, app, action, connection_id, kind, fate, sent, run_id, position, event_id, account_id,"
        " amount_minor, currency, input, output, sentence, created_at, updated_at) SELECT"
        " 'con_1/firstpromoter.track_sale/inv.' || i, 'firstpromoter', 'track_sale', 'con_1', 'idempotent_write', 'applied',"
        " false, printf('run_%026d', i), 0, printf('evt_%026d', i), 'ACC-' || (i % 50000), 249900, 'USD', '{}',"
        " '{\"sale_id\":' || i || '}', '', i, i FROM n"
    ),
    (
        "INSERT INTO snapshot_records (snapshot_id, kind, id, statement_id, case_id, about, account_id, amount, currency, at,"
        " status, facts) SELECT 'snp_1', 'commission', 'com_' || i, 'stm_1', 'inv.' || i, 'inv.' || i, 'ACC', 49980, 'USD', i,"
        " 'approved', '{}' FROM n WHERE i <= 100000"
    ),
)


async def measure(count: int, folder: Path) -> str:
    """Percentiles of answers by every way an id is found."""
    hub = build(Settings(data_dir=folder), own_url="http://127.0.0.1:1")
    await hub.open()

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO connections (id, app, name, fields, secrets, version, status, status_reason, created_at,"
            " updated_at) VALUES ('con_1', 'firstpromoter', 'x', '{}', x'00', 1, 'active', '', 0, 0)"
        )
        connection.exec_driver_sql(
            "INSERT INTO flows (id, name, description, type, visibility, version, created_at, updated_at)"
            " VALUES ('flo_1', 'Sales', '', 'outbound', 'private', 1, 0, 0)"
        )
        for statement in _FILL:
            head, _, rest = statement.replace("PAYLOAD", _PAYLOAD).partition(" SELECT ")
            connection.exec_driver_sql(f"{head} {_NUMBERS} SELECT {rest}", (count,))
        connection.exec_driver_sql(
            "INSERT INTO snapshots (id, statement_id, app, connection_id, window_start, window_end, phase, pages, records,"
            " digest, sentence, taken_at, updated_at) VALUES"
            " ('snp_1', 'stm_1', 'firstpromoter', 'con_1', 0, 1, 'complete', 1, 1, '', '', 0, 0)"
        )
        connection.exec_driver_sql("ANALYZE")

    await hub.database.write(fill)
    rng, spent = random.Random(5), []
    by_way: dict[int, list[float]] = {}
    for number in range(_ASKED):
        i = rng.randrange(1, count)
        ways = (f"inv.{i}", f"run_{i:026d}", f"com_{i % 99_999 + 1}", f"evt_{i:026d}", f"ACC-{i % 50_000}")
        started = perf_counter()
        chain = await hub.why.ask(ways[number % len(ways)])
        spent.append((perf_counter() - started) * 1000)
        by_way.setdefault(number % len(ways), []).append(spent[-1])
        if not chain.links:
            raise SystemExit("nothing was found")
    await hub.close()
    names = ("invoice", "run", "commission", "event", "account")
    for way, times in by_way.items():
        sys.stdout.write(f"  by {names[way]:11} p50 {median(times):.1f} ms, worst {max(times):.1f} ms\n")
    spent.sort()
    return f"{count:,} effects: p50 {spent[len(spent) // 2]:.1f} ms, p95 {spent[len(spent) * 95 // 100]:.1f} ms, worst {spent[-1]:.1f} ms\n"


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(asyncio.run(measure(count, Path(folder))))


if __name__ == "__main__":
    main()
