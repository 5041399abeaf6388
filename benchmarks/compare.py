"""Compares versions or settings in turns: `python -m benchmarks.compare old=/other/src new=src big=src,AFFLUENT_CONCURRENCY=128`.

On a machine that others use too, single rates say little. Here the contestants take turns on copies of one backlog, on SQLite;
what counts is the CPU per run, and the ratio of two rates of the same minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import processes, vendor
from benchmarks.product import Hook, Product
from benchmarks.vendor import Sink

_CALLS = 2
_WARM = 0.2
"""The share of a backlog that is executed before measuring begins."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A source tree and what is set for it."""

    name: str
    environment: Mapping[str, str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("contestants", nargs="+", metavar="NAME=SRC[,VARIABLE=VALUE]", type=_contestant)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2_000)
    chosen = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {contestant.name: [] for contestant in chosen.contestants}
    with tempfile.TemporaryDirectory(prefix="affluent-compare-") as name:
        folder = Path(name)
        sink = Sink(folder)
        try:
            model = Product(folder=folder / "model", environment=chosen.contestants[0].environment)
            hook = _accept(model, sink, chosen.runs)
            for turn in range(chosen.turns):
                for contestant in chosen.contestants[:: 1 if turn % 2 == 0 else -1]:
                    figures = _measure(model, contestant, hook, sink, runs=chosen.runs, prefix=f"t{turn}")
                    found[contestant.name].append(figures)
                    _say(contestant.name, figures)
        finally:
            sink.process.stop()
    for contestant, turns in found.items():
        _say(f"{contestant} (median of {len(turns)})", {key: median(turn[key] for turn in turns) for key in turns[0]})


def _contestant(text: str) -> Contestant:
    name, _, rest = text.partition("=")
    source, *settings = rest.split(",")
    given = dict(setting.split("=", 1) for setting in settings)
    return Contestant(name=name, environment={"PYTHONPATH": str(Path(source).resolve()), **given})


def _accept(model: Product, sink: Sink, runs: int) -> Hook:
    """A data folder with a backlog, which all contestants get copies of."""
    model.folder.mkdir()
    try:
        model.start(execute=False)
        hook = model.connect("Benchmark", sink.url)
        vendor.send(model.url + hook.path, hook.secret, prefix="b", count=runs)
    finally:
        model.stop()
    return hook


def _measure(
    model: Product, contestant: Contestant, hook: Hook, sink: Sink, *, runs: int, prefix: str
) -> dict[str, float]:
    folder = model.folder.parent / contestant.name
    shutil.rmtree(folder / "data", ignore_errors=True)  # and keep the bytecode
    shutil.copytree(model.folder / "data", folder / "data")
    product = Product(folder=folder, token=model.token, environment=contestant.environment)
    sink.reset()
    try:
        product.start()
        return {**_drained(product, sink, runs), **_side_by_side(product, hook, sink, runs, prefix)}
    finally:
        processes.stop_all(product.processes)


def _drained(product: Product, sink: Sink, runs: int) -> dict[str, float]:
    while (began := sink.count()) < runs * _CALLS * _WARM:
        time.sleep(0.02)
    cpu, at = product.cpu_seconds, time.monotonic()
    sink.wait_for(runs * _CALLS)
    count = runs - began / _CALLS
    return {"backlog/s": count / (time.monotonic() - at), "backlog us": (product.cpu_seconds - cpu) / count * 1e6}


def _side_by_side(product: Product, hook: Hook, sink: Sink, runs: int, prefix: str) -> dict[str, float]:
    time.sleep(0.5)
    sink.reset()
    cpu = product.cpu_seconds
    sent = vendor.send(product.url + hook.path, hook.secret, prefix=prefix, count=runs)
    calls = sink.wait_for(runs * _CALLS)
    time.sleep(0.3)
    if calls.doubled or calls.keys != runs * _CALLS:
        raise vendor.Stalled(f"The sink counts {calls}.")
    assert product.server is not None  # noqa: S101 - it has just executed
    return {
        "side by side/s": runs / (calls.last_at - sent.began_at),
        "side by side us": (product.cpu_seconds - cpu) / runs * 1e6,
        "MB": product.server.resident_megabytes,
    }


def _say(name: str, figures: Mapping[str, float]) -> None:
    shown = "  ".join(f"{key} {value:,.0f}" for key, value in figures.items())
    sys.stdout.write(f"{name:24} {shown}  load {os.getloadavg()[0]:.1f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
