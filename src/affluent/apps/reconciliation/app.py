"""Reconciliation, declared: a trigger and nothing else."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.reconciliation.schemas import Correction, Unexplained
from affluent.sdk import App, Category, Subject, Trigger, TriggerKind

app = App(
    key="reconciliation",
    title="Reconciliation",
    description="Start a flow when the nightly statement finds money that nobody can explain.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    glyph="scale",
)

app.triggers_are(
    [
        Trigger(
            key="unexplained",
            title="Money unexplained",
            description="The nightly statement found differences that were not there the night before.",
            kind=TriggerKind.INTERNAL,
            event="statement.unexplained",
            sample="unexplained.json",
            output=Unexplained,
            subject=Subject(title="summary"),
        ),
        Trigger(
            key="correction",
            title="Correction asked for",
            description="Somebody repairs a line of a statement; the flow makes the one call that puts it right.",
            kind=TriggerKind.INTERNAL,
            event="correction.asked",
            sample="correction.json",
            output=Correction,
            subject=Subject(account="inputs.uid"),
        ),
    ]
)
