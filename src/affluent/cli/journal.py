"""`affluent journal`: the money journal as a file for accounting products and hledger."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail
from affluent.cli.show import with_hub
from affluent.domain.money.exports import Format
from affluent.kit import clock
from affluent.services.money.journal import JournalFile
from affluent.settings import account_names

journal = typer.Typer(
    help="The money journal: double entries of every sale, payment and commission.", no_args_is_help=True
)


@journal.callback()
def _group() -> None:
    """Keep the sub-command's name."""


@journal.command("export")
def export(
    form: Annotated[Format, typer.Option("--format", help="The product that reads the file.")],
    first: Annotated[str, typer.Option("--from", help="First day, e.g. 2026-11-01; default: the beginning.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, e.g. 2026-11-30; default: today.")] = "",
    currency: Annotated[
        str, typer.Option(help="Only this currency; xero and tally need it where there are several.")
    ] = "",
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the journal for Xero, QuickBooks, Zoho Books, Tally or hledger: one journal an entry, under a stable number."""
    days = _day(first, "--from"), _day(last, "--to")

    async def work(hub: Hub) -> JournalFile:
        accounts = account_names((await hub.options.current()).journal_accounts)
        return await hub.money_journal.export(form, first=days[0], last=days[1], currency=currency, accounts=accounts)

    file = with_hub(work, data_dir, database_url)
    if output is None:
        sys.stdout.write(file.text)
        return
    with output.open("w", newline="", encoding="utf-8") as target:
        target.write(file.text)
    console.print(f"{file.journals} journals are in {output}.", highlight=False, soft_wrap=True)


def _day(text: str, option: str) -> date | None:
    day = clock.day(text) if text else None
    if text and day is None:
        fail(f"{option} {text!r} is not a day from 1970 on; write e.g. 2026-11-01.", MISUSED)
    return day
