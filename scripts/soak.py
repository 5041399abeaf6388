"""Lets the product run under load with faults on each store and watches that nothing grows, is lost or is done twice.

`make soak`, or `python -m scripts.soak --seconds 60`. Exit code 1: something was not flat. Writes benchmarks/results/soak.json
and the section of docs/benchmarks.md, unless it is shorter than a soak that says something.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report, soak_page
from benchmarks.soaking import soak
from tests.postgres import DURABLE, running_server

_SHORTEST_WRITTEN = 600


def main() -> int:
    """Both stores, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900, help="for each store")
    parser.add_argument("--rate", type=float, default=20, help="events a second")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped
    load = os.getloadavg()[0]
    stores = {"sqlite": _soaked("", chosen)}
    with running_server(DURABLE) as server, server.database() as url:
        stores["postgresql"] = _soaked(url, chosen)
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    document = {
        "date": date,
        "seconds": chosen.seconds,
        "rate": chosen.rate,
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "niceness": os.nice(0),
        "stores": stores,
    }
    if chosen.seconds >= _SHORTEST_WRITTEN:
        soak_page.JSON.write_text(json.dumps(document, indent=1) + "\n")
        report.write_page()
    sys.stdout.write(soak_page.text(document))
    return 1 if any(soak_page.trouble(found) for found in stores.values()) else 0


def _soaked(database_url: str, chosen: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="affluent-soak-") as folder:
        return asdict(asyncio.run(soak(Path(folder), database_url, seconds=chosen.seconds, rate=chosen.rate, say=_say)))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
