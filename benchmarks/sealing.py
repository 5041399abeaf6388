"""What the ledger costs: runs of two writes through the engine, sealed and not, in turns. `python -m benchmarks.sealing [runs]`.

The vendor answers from memory at once, so this is the dearest case: with real calls the share is smaller.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

from affluent.kit.ids import new_id
from affluent.services.provenance.ledger_verification import LEDGER, Ledgers
from affluent.store.ledger import Sealer
from affluent.store.tables import money as tables_money
from tests.support.engine import VAULT, engine

_TURNS = 5


async def rate(folder: Path, runs: int, *, sealed: bool) -> float:
    """Runs per second, from accepting to the end."""
    url = f"sqlite:///{folder / new_id('db')}.db"
    given: Mapping[str, str] = {"id": "{{ trigger.id }}"}
    async with engine(url, concurrency=64, started=False) as made:
        if sealed:
            made.database.sealer = Sealer(VAULT.derive(LEDGER), VAULT.current).seal
        await made.flow(
            {"id": "one", "app": "shop", "action": "put", "inputs": given},
            {"id": "two", "app": "shop", "action": "write", "inputs": given},
        )
        started = perf_counter()
        for first in range(0, runs, 200):
            names = [f"s{number}" for number in range(first, min(first + 200, runs))]
            await asyncio.gather(*(made.accept(name, account=name) for name in names))
        await made.dispatcher.start()
        await made.settle(600)
        seconds = perf_counter() - started
        if sealed:
            found = await Ledgers(database=made.database, vault=VAULT).verify()
            if not found.is_sound or found.runs.applied != runs:
                raise SystemExit(f"not sound: {found.problems[:3]}")
    return runs / seconds


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    rates: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(_TURNS * 2):
            sealed = turn % 2 == 0
            rates[sealed].append(asyncio.run(rate(Path(folder), runs, sealed=sealed)))
    plain, kept = median(rates[False]), median(rates[True])
    sys.stdout.write(
        f"without ledger {plain:,.0f} runs/s, with it {kept:,.0f} runs/s: {100 - kept / plain * 100:.1f} % less\n"
    )
    sys.stdout.write(f"{tables_money.ledger.name}: verified sound after every turn\n")


if __name__ == "__main__":
    main()
