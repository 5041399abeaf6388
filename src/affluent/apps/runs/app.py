"""Runs, declared: a trigger and nothing else."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.runs.schemas import FailedRun
from affluent.sdk import App, Category, Subject, Trigger, TriggerKind

app = App(
    key="runs",
    title="Runs",
    description="Start a flow when a run of another flow fails.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    glyph="triangle-alert",
)

app.triggers_are(
    [
        Trigger(
            key="failed",
            title="Run failed",
            description="A run ended failed, or nobody knows whether its write was applied; told once a run.",
            kind=TriggerKind.INTERNAL,
            event="run.failed",
            sample="failed.json",
            output=FailedRun,
            subject=Subject(title="title", name="flow", amount="amount", currency="currency"),
        )
    ]
)
