"""Writes the results: a table for people and a file for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import soak_page
from benchmarks.machine import Machine
from benchmarks.processes import ROOT
from benchmarks.scenarios import Figures

STORES = soak_page.STORES
_JSON = ROOT / "benchmarks" / "results" / "latest.json"
_PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table. `targets` are bounds, lower or upper as `more_is_better` says; in the figure's own unit."""

    key: str
    title: str
    unit: str
    targets: Mapping[str, float] | None = None
    more_is_better: bool = False

    def shown(self, figures: Figures) -> str:
        """The figure with its unit."""
        return _UNITS[self.unit](figures[self.key]) if self.key in figures else ""

    def is_met(self, store: str, figures: Figures) -> bool:
        """Whether the target of this store is reached; True where there is none."""
        if self.targets is None or self.key not in figures:
            return True
        value, bound = figures[self.key], self.targets[store]
        return value >= bound if self.more_is_better else value <= bound


def _both(value: float) -> dict[str, float]:
    return dict.fromkeys(STORES, value)


_UNITS: dict[str, Callable[[float], str]] = {
    "/s": lambda value: f"{value:,.0f}/s",
    "ms": lambda value: f"{value * 1_000:.1f} ms",
    "s": lambda value: f"{value:.2f} s",
    "MB": lambda value: f"{value:.0f} MB",
    "%": lambda value: f"{value * 100:.1f} %",
    "": lambda value: f"{value:,.2f}",
    "n": lambda value: f"{value:,.0f}",
}

LINES = (
    Line(key="accept_p50", title="Accept at 200/s: median", unit="ms"),
    Line(key="accept_p99", title="Accept at 200/s: p99", unit="ms", targets=_both(0.05)),
    Line(key="accept_rate", title="Accept, as fast as it goes", unit="/s", targets=_both(1_500), more_is_better=True),
    Line(key="accept_rate_p99", title="… p99 then, 64 requests at a time", unit="ms"),
    Line(
        key="run_rate",
        title="Runs, accepted and executed side by side",
        unit="/s",
        targets={"sqlite": 1_000, "postgresql": 800},
        more_is_better=True,
    ),
    Line(key="drain_rate", title="Runs from a backlog", unit="/s"),
    Line(key="cpu_per_run", title="CPU per run, accepting included", unit="ms"),
    Line(key="store_cpu_per_run", title="… of the PostgreSQL server", unit="ms"),
    Line(key="transactions_per_run", title="Transactions per run, accepting included", unit=""),
    Line(
        key="idle_p50",
        title="Event to first call, idle: median",
        unit="ms",
        targets={"sqlite": 0.015, "postgresql": 0.025},
    ),
    Line(
        key="idle_p99", title="Event to first call, idle: p99", unit="ms", targets={"sqlite": 0.05, "postgresql": 0.1}
    ),
    Line(key="live_p50", title="Live event behind 10,000 backfill events: median", unit="ms"),
    Line(key="live_p99", title="… p99", unit="ms"),
    Line(key="memory_megabytes", title="Resident memory of an executing process", unit="MB", targets=_both(150)),
    Line(key="memory_runs", title="… after so many runs", unit="n"),
    Line(key="old_run_rate", title="Runs with finished runs in the store", unit="/s"),
    Line(
        key="old_ratio", title="… against the empty store", unit="%", targets=_both(0.9), more_is_better=True
    ),
    Line(key="old_finished", title="… finished runs there", unit="n"),
    Line(key="limit_use", title="Use of a vendor's limit by a backlog of 2,000", unit="%", targets=_both(0.97), more_is_better=True),
    Line(key="limit_peak", title="… most in any window", unit="%", targets=_both(1.0)),
    Line(key="limit_refused", title="… answers with 429", unit="n", targets=_both(0)),
    Line(key="start_seconds", title="Start to ready", unit="s", targets=_both(2)),
    Line(key="first_start_seconds", title="… the very first time, with the tables", unit="s"),
)  # fmt: skip
_BY_HAND = ("run_rate", "cpu_per_run", "idle_p50", "idle_p99", "memory_megabytes")


def table(results: Mapping[str, Figures], by_hand: Mapping[str, Figures]) -> str:
    """The figures of both stores beside their targets and the hand-written loop."""
    heads = ["", *(f"{STORES[store]} | Target | By hand | Ratio" for store in results)]
    rows = ["| " + " | ".join(heads) + " |", "|---" * (1 + 4 * len(results)) + "|"]
    for line in LINES:
        cells = [line.title]
        for store, figures in results.items():
            cells += _cells(line, store, figures, by_hand.get(store, {}))
        if any(line.key in figures for figures in results.values()):
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cells(line: Line, store: str, figures: Figures, hand: Figures) -> list[str]:
    shown = line.shown(figures)
    target = ""
    if line.targets is not None:
        sign = "≥" if line.more_is_better else "≤"
        target = f"{sign} {_UNITS[line.unit](line.targets[store])}"
        shown += " ✓" if line.is_met(store, figures) else " **✗**"
    if line.key not in _BY_HAND or line.key not in hand or line.key not in figures:
        return [shown, target, "", ""]
    return [shown, target, line.shown(hand), f"{figures[line.key] / hand[line.key]:.2f}"]


def missed(results: Mapping[str, Figures]) -> list[str]:
    """The targets that are not met, in words."""
    return [
        f"{STORES[store]}: {line.title}: {line.shown(figures)}"
        for store, figures in results.items()
        for line in LINES
        if not line.is_met(store, figures)
    ]


def write(results: Mapping[str, Figures], by_hand: Mapping[str, Figures], machine: Machine, *, full: bool) -> None:
    """Write benchmarks/results/latest.json, and the page from it."""
    _JSON.parent.mkdir(exist_ok=True)
    document = {
        "machine": machine.facts,
        "kind": "full" if full else "quick",
        "product": results,
        "by_hand": by_hand,
        "missed": missed(results),
    }
    _JSON.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    write_page()


def write_page() -> None:
    """Write docs/benchmarks.md from the results of the last benchmark and of the last soak."""
    document = json.loads(_JSON.read_text())
    not_met = document["missed"]
    parts = {
        "{kind}": "`make bench-full`" if document["kind"] == "full" else "`make bench`, the quick one",
        "{machine}": Machine(facts=document["machine"]).sentence,
        "{table}": table(document["product"], document["by_hand"]).strip(),
        "{verdict}": "Not met:\n\n" + "\n".join(f"- {text}" for text in not_met) if not_met else "Every target is met.",
        "{soak}": soak_page.section().strip(),
    }
    text = (Path(__file__).parent / "page.md").read_text()
    for name, value in parts.items():
        text = text.replace(name, value)
    _PAGE.write_text(text.strip() + "\n")
