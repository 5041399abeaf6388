"""`affluent payouts`: what may be paid to promoters; the exit code is 1 while something should not be, or was paid wrongly."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import FAILED, MISUSED, console, fail, say_json, table
from affluent.cli.show import with_hub
from affluent.kit import clock
from affluent.services.money.payouts import PayoutCheckView, as_csv, payout_text

payouts = typer.Typer(help="Payouts to promoters.", no_args_is_help=True)


@payouts.callback()
def _group() -> None:
    """Keep the sub-command's name."""


@payouts.command("check")
def check(
    as_of: Annotated[str, typer.Option(help="Last day that counts, e.g. 2026-11-30; default: today.")] = "",
    connection: Annotated[
        str, typer.Option(help="Id of the connection to the tracker; may be left out where there is one.")
    ] = "",
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of tables.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say per promoter what to pay, what not and why; exit code 1 when something should not be paid, or was."""
    day = clock.day(as_of) if as_of else None
    if as_of and day is None:
        fail(f"--as-of {as_of!r} is not a day from 1970 on; write e.g. 2026-11-30.", MISUSED)
    if csv and as_json:
        fail("Choose --csv or --json.", MISUSED)

    async def work(hub: Hub) -> PayoutCheckView:
        terms = await hub.options.current()
        return await hub.payouts.check(connection, as_of=day, hold_days=terms.payout_hold_days)

    checked = with_hub(work, data_dir, database_url)
    if as_json:
        say_json(asdict(checked))
    elif csv:
        sys.stdout.write(as_csv(checked))
    else:
        _show(checked)
    if not checked.is_clean:
        raise typer.Exit(FAILED)


def _show(checked: PayoutCheckView) -> None:
    if not checked.promoters and not checked.not_money:
        console.print(f"{checked.name} has told of no commission up to {checked.as_of}.", highlight=False)
        return
    names = ("approved", "held", "to_pay", "owed_back", "paid", "paid_wrongly")
    table(
        f"Payout check of {checked.name} as of {checked.as_of} ({checked.zone})",
        ["Promoter", "Approved", "Held", "To pay", "Owed back", "Paid before", "Paid wrongly"],
        [
            [item.promoter_id, *(payout_text(getattr(item, name), item.currency) for name in names)]
            for item in checked.promoters
        ],
    )
    for title, commissions in (
        ("Held", checked.held),
        ("Paid although it should not", checked.paid_wrongly),
        ("Not money", checked.not_money),
    ):
        if commissions:
            table(
                title,
                ["Commission", "Promoter", "Sale", "Amount", "Not to pay", "Why"],
                [
                    [
                        item.commission_id,
                        item.promoter_id,
                        item.sale_id,
                        payout_text(item.amount, item.currency),
                        payout_text(item.held, item.currency),
                        item.sentence,
                    ]
                    for item in commissions
                ],
            )
