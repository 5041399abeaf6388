"""`affluent reconcile`: a period's books against each other; the exit code is 1 while something is unexplained."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.progress import progress
from affluent.cli.show import with_hub
from affluent.kit import clock
from affluent.services.reconciliation import csv_export as reconciliation_csv
from affluent.services.reconciliation.views import StatementView, money_text

_UNEXPLAINED = 1
_TOGETHER_SECONDS = 1.0


def reconcile(
    first: Annotated[str, typer.Option("--from", help="First day, e.g. 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, e.g. 2026-11-30.")],
    zone: Annotated[str, typer.Option(help="Time zone of the days, e.g. Asia/Kolkata.")] = "UTC",
    csv: Annotated[Path | None, typer.Option(help="Also write every line to this CSV file.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Compare invoices paid, sales tracked, commissions and payments of a period, to the cent."""
    days = [_day(first, "--from"), _day(last, "--to")]

    async def work(hub: Hub) -> StatementView:
        begun = await hub.reconciliation.begin(days[0], days[1], zone=zone, author="command line")
        with progress("Reading the books", unit="records") as tell:

            def read(statement: StatementView) -> None:
                tell(sum(item.records for item in statement.snapshots), 0)

            done = await hub.reconciliation.run(begun.id, read)
            while done.phase in ("reading", "comparing"):  # a vendor asked to wait, or a worker goes on with it
                await asyncio.sleep(_TOGETHER_SECONDS)
                await hub.reconciliation.advance()
                done = await hub.reconciliation.get(begun.id)
                read(done)
        if csv is not None:
            with csv.open("w", newline="", encoding="utf-8") as file:
                file.write(reconciliation_csv.header())
                async for lines in hub.reconciliation.everything(done.id):
                    file.write(reconciliation_csv.rows(lines))
        return done

    statement = with_hub(work, data_dir, database_url)
    if statement.phase == "failed":
        fail(statement.sentence)
    if as_json:
        say_json(asdict(statement))
    else:
        _show(statement)
    if any(statement.remainder.values()):
        raise typer.Exit(_UNEXPLAINED)


def _show(statement: StatementView) -> None:
    table(
        f"Statement {statement.id}",
        ["Books", "Class", "Lines", "Ours", "Theirs", "Unexplained"],
        [
            [
                total.leg,
                total.name,
                total.count,
                money_text(total.ours, total.currency),
                money_text(total.theirs, total.currency),
                money_text(total.open, total.currency) if total.open else "",
            ]
            for total in statement.totals
        ],
    )
    for currency, left in statement.remainder.items():
        console.print(f"Unexplained: {money_text(left, currency)}", highlight=False)


def _day(given: str, option: str) -> date:
    day = clock.day(given)
    if day is None:
        fail(f"{option} {given!r} is not a day from 1970 on; write e.g. 2026-11-01.", MISUSED)
    return day


def repair(
    statement_id: Annotated[str, typer.Argument(help="Id of the statement.")],
    line: Annotated[
        list[int] | None, typer.Option(help="Number of a line; may be given several times; none: all.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Make the calls; without it they are only shown.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show every call that puts a statement right, with its money; with --yes, make them. A running server sends them."""
    plan = with_hub(lambda hub: hub.repair.preview(statement_id, line or ()), data_dir, database_url)
    if not yes:
        if as_json:
            say_json(asdict(plan))
            return
        shown = [
            [call.line, call.how, call.money, call.effect_key or call.run_id, call.sentence] for call in plan.calls
        ]
        table("Nothing is sent yet: add --yes", ["Line", "How", "Money", "Under", "What"], shown)
        return
    done = with_hub(
        lambda hub: hub.repair.apply(statement_id, line or (), author="command line"), data_dir, database_url
    )
    if as_json:
        say_json(asdict(done))
        return
    console.print(f"{len(done.run_ids)} begun, {done.known} asked for before, {done.by_hand} by hand.", highlight=False)
