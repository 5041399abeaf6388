"""What retention costs the engine: runs a second beside it and without it, in turns. `python -m benchmarks.forgetting [old runs]`.

The vendor answers from memory at once and all happens in one process, so this is the dearest case.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import text

from affluent.services.operations.retention import forget
from affluent.services.provenance.ledger_verification import LEDGER
from affluent.store.database import Database
from affluent.store.ledger import Sealer
from affluent.store.retention import ATTEMPTS, DELIVERIES, EVENTS, RUNS
from benchmarks import seed
from tests.postgres import DURABLE, running_server
from tests.support.engine import VAULT, Engine, engine

_TURNS = 8
_RUNS = 15_000
"""Long enough for some pieces of retention: it rests 99 times as long as each takes."""
_KEEP = timedelta(minutes=10)
"""The old runs have ids of long ago; those that are measured are younger."""
_KINDS = (RUNS, EVENTS, ATTEMPTS, DELIVERIES)
_STEPS = tuple({"id": name, "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}} for name in "ab")


async def _model(url: str) -> None:
    """One run to copy, in fresh tables."""
    async with engine(url) as made:
        await made.flow(*_STEPS)
        await made.accept("model")
        await made.settle()


async def _measure(url: str) -> tuple[dict[bool, list[float]], int]:
    """Rates without and with retention beside, and of how many runs it took something meanwhile."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    async with engine(url, fresh=False, concurrency=64) as made:
        made.database.sealer = Sealer(VAULT.derive(LEDGER), VAULT.current).seal
        await _rate(made, "warm")
        for turn in range(_TURNS):
            beside = turn % 2 == 1
            taking = asyncio.create_task(_forget(made.database, turn // 2 % len(_KINDS))) if beside else None
            rates[beside].append(await _rate(made, f"turn{turn}"))
            if taking is not None:
                taking.cancel()
                with suppress(asyncio.CancelledError):
                    await taking
        emptied = text("SELECT count(*) FROM runs WHERE forgotten_at IS NOT NULL")
        count = int(await made.database.read(lambda connection: connection.execute(emptied).scalar_one()))
    return rates, count


async def _forget(database: Database, first: int) -> None:
    """All kinds, one after the other, as the product does; another one first each time."""
    for kind in (*_KINDS[first:], *_KINDS[:first]):
        await forget(database, kind, _KEEP)


async def _rate(made: Engine, name: str) -> float:
    began = perf_counter()
    for first in range(0, _RUNS, 250):
        names = [f"{name}-{number}" for number in range(first, first + 250)]
        await asyncio.gather(*(made.accept(one, account=one) for one in names))
    await made.settle(600)
    return _RUNS / (perf_counter() - began)


@contextmanager
def _stores(folder: Path) -> Iterator[dict[str, str]]:
    with running_server(DURABLE) as server, server.database() as url:
        yield {"SQLite": f"sqlite:///{folder / 'affluent.db'}", "PostgreSQL": url}


def main() -> None:
    """Measure and print."""
    old = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, _stores(Path(folder)) as stores:
        for name, url in stores.items():
            asyncio.run(_model(url))
            seed.finished(url, old)
            rates, taken = asyncio.run(_measure(url))
            plain, beside = median(rates[False]), median(rates[True])
            sys.stdout.write(
                f"{name}: {plain:,.0f} runs/s, beside retention {beside:,.0f}: {beside / plain:.0%};"
                f" meanwhile it took the values of {taken:,} runs\n"
            )


if __name__ == "__main__":
    main()
