"""What a soak found: judged, and as a section of docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

JSON = Path(__file__).parent / "results" / "soak.json"
STORES = {"sqlite": "SQLite, one process", "postgresql": "PostgreSQL, 2 workers"}
_WARM_UP = 0.25
_FEWEST_SAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One thing that must stay flat: what it may grow by, from the first quarter after the warm-up to the last one."""

    key: str
    title: str
    unit: str = ""
    factor: float = 1.0
    more: float = 0.0
    """On top of the factor, for numbers that are small."""
    per_reference: bool = False

    def value(self, sample: Mapping[str, float]) -> float:
        """The figure of one round, in its unit."""
        if self.per_reference:
            return sample[self.key] / sample["reference"]
        return sample[self.key] * (1_000 if self.unit == " ms" else 1)

    def shown(self, value: float) -> str:
        """The figure with its unit."""
        return f"{value:.1f}{self.unit}" if self.unit or self.per_reference else f"{value:.0f}"


_FREE = float("inf")
"""Shown and not judged: milliseconds say as much of the machine's other users as of the product."""
WATCHED = (
    Watched(key="run_p50", title="Event to the end of its run: median", unit=" ms", factor=_FREE),
    Watched(key="run_p50", title="… in pieces of reference work", per_reference=True, factor=1.25),
    Watched(key="run_p95", title="… 95th percentile", unit=" ms", factor=_FREE),
    Watched(key="run_p95", title="… in pieces of reference work", per_reference=True, factor=1.5),
    Watched(key="accept_p50", title="Accept: median", unit=" ms", factor=_FREE),
    Watched(key="accept_p50", title="… in pieces of reference work", per_reference=True, factor=1.25),
    Watched(key="accept_p95", title="… 95th percentile", unit=" ms", factor=_FREE),
    Watched(key="accept_p95", title="… in pieces of reference work", per_reference=True, factor=1.5),
    Watched(key="reference", title="A piece of reference work", unit=" ms", factor=_FREE),
    Watched(key="server_megabytes", title="Resident memory of the server", unit=" MB", factor=1.1),
    Watched(key="worker_megabytes", title="… of an executing process", unit=" MB", factor=1.1),
    Watched(key="open_files", title="Open files and sockets", more=10),
    Watched(key="threads", title="Threads", more=2),
    Watched(key="tasks", title="Tasks", more=30),
    Watched(key="database_connections", title="Connections to PostgreSQL", more=2),
    Watched(key="wal_megabytes", title="Write-ahead log of SQLite", unit=" MB", factor=1.5, more=4),
)
_COUNTS = (
    ("sent", "Events sent"),
    ("vendor_calls", "Calls at the vendor"),
    ("refused", "Events refused"),
    ("left", "Runs left unfinished"),
    ("failed", "Runs failed, unknown or cancelled"),
    ("missing", "Writes missing at the vendor"),
    ("doubled", "Writes doubled at the vendor"),
)
_MUST_BE_NONE = ("refused", "left", "failed", "missing", "doubled")


def quarters(watched: Watched, samples: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """The median of the first quarter after the warm-up, and of the last one."""
    warm = samples[int(len(samples) * _WARM_UP) :]
    part = max(1, len(warm) // 4)
    values = [watched.value(sample) for sample in warm]
    return median(values[:part]), median(values[-part:])


def trouble(found: Mapping[str, Any]) -> list[str]:
    """What was not as it must be, in words."""
    said = [f"{title}: {found[key]}" for key, title in _COUNTS if key in _MUST_BE_NONE and found[key]]
    if len(found["samples"]) < _FEWEST_SAMPLES:
        return [*said, f"Only {len(found['samples'])} rounds were sampled"]
    for watched in WATCHED:
        before, after = quarters(watched, found["samples"])
        # The reference alone may have become faster, when others left the machine: the product's own time must grow as well.
        own = quarters(replace(watched, per_reference=False, unit=" ms"), found["samples"])
        grew = after > before * watched.factor + watched.more
        if grew and (not watched.per_reference or own[1] > own[0] * watched.factor):
            said.append(f"{watched.title} ({watched.key}) grew from {watched.shown(before)} to {watched.shown(after)}")
    return said


def section() -> str:
    """The section of the page, from the last soak's file; empty when there was none."""
    return text(json.loads(JSON.read_text())) if JSON.exists() else ""


def text(document: Mapping[str, Any]) -> str:
    """The section: what was done, the table, the verdict."""
    stores: Mapping[str, Mapping[str, Any]] = document["stores"]
    heads = [f"{STORES[store]}: first quarter | last quarter" for store in stores]
    rows = ["|  | " + " | ".join(heads) + " |", "|---" * (1 + 2 * len(stores)) + "|"]
    for watched in WATCHED:
        pairs = [quarters(watched, found["samples"]) for found in stores.values()]
        if any(value for pair in pairs for value in pair):
            cells = [watched.shown(value) if any(pair) else "" for pair in pairs for value in pair]
            rows.append("| " + " | ".join([watched.title, *cells]) + " |")
    for key, title in _COUNTS:
        rows.append(f"| {title} | " + " | ".join(f"| {found[key]:,}" for found in stores.values()) + " |")
    faults = {name: count for found in stores.values() for name, count in found["faults"].items()}
    problems = [f"{STORES[store]}: {words}" for store, found in stores.items() for words in trouble(found)]
    verdict = "All of it is flat." if not problems else "Not flat:\n\n" + "\n".join(f"- {words}" for words in problems)
    rounds = " and ".join(str(len(found["samples"])) for found in stores.values())
    load = f"{document['load_before']} before and {document['load_after']} after it"
    done = f"{document['seconds']:.0f} s on each store, {document['rate']:.0f} signed events a second"
    return f"""## Soak

`make soak` on {document["date"]}: {done}, and for each two writes and a
read at FirstPromoter's twin. Every second round had a fault: {", ".join(f"`{name}`" for name in sorted(faults))}.
The others, {rounds}, were sampled.

{chr(10).join(rows)}

{verdict}

The figures are medians of a quarter of the samples after the warm-up, which is a quarter of the time itself. Milliseconds depend
on who else uses the machine (the load average was {load}, the soak's niceness {document["niceness"]}), so latency
is judged in pieces of reference work (`benchmarks/reference.py`) timed in the same round: some computing, thirty words with
another process and a durable write, in processes of their own. It has grown when both the pieces and the milliseconds have.
"""
