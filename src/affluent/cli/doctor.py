"""`affluent doctor`: is everything here that this installation needs? Says what to do where it is not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from affluent.cli.doctor_checks import FINE, TROUBLE, Finding, machine
from affluent.cli.doctor_store import store
from affluent.cli.options import AsJson, Config, DatabaseUrl, DataDir, settings_with
from affluent.cli.output import console, say_json
from affluent.cli.run import run
from affluent.settings import Settings

_MARKS = {FINE: "[green]ok[/green]  ", "note": "[yellow]note[/yellow]", TROUBLE: "[red]bad[/red] "}


def doctor(
    offline: Annotated[bool, typer.Option(help="Do not try to reach vendors.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Check database, keys, clock, disk, limits and outgoing access. Exit code 1: something is bad."""
    settings = settings_with(data_dir=data_dir, database_url=database_url, config=config)
    findings = run(_examine(settings, offline=offline), settings, log_level="error")
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.print(f"{_MARKS[finding.state]} [bold]{finding.about}[/bold]: {finding.sentence}", highlight=False)
            if finding.remedy:
                console.print(f"     {finding.remedy}", highlight=False, markup=False)
    if any(finding.state == TROUBLE for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, *, offline: bool) -> list[Finding]:
    return [*machine(settings), *await store(settings, offline=offline)]
