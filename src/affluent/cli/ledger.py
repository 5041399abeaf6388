"""`affluent ledger`: prove that no event, run or effect was altered, and that everything accepted is accounted for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import FAILED, MISUSED, console, errors, fail, say_json
from affluent.cli.show import with_hub
from affluent.services.errors import Invalid
from affluent.services.provenance.ledger_verification import read_heads
from affluent.services.reconciliation.views import money_text

ledger = typer.Typer(help="The ledger: what was accepted and what became of it.", no_args_is_help=True)


@ledger.callback()
def _group() -> None:
    """Keep the sub-command's name."""


@ledger.command("verify")
def verify(
    head: Annotated[
        list[str] | None, typer.Option(help="chain=hash that an earlier verification printed; it must still be there.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Recompute every chain and compare every row; exit code 1 when anything was altered."""
    try:
        given = read_heads(head or ())
    except Invalid as error:
        fail(f"--head: {error.message}", MISUSED)
    verification = with_hub(lambda hub: hub.ledgers.verify(given), data_dir, database_url)
    if as_json:
        say_json({**asdict(verification), "is_sound": verification.is_sound})
    else:
        for problem in verification.problems:
            errors.print(f"[red]altered:[/red] {problem}", highlight=False)
        runs = verification.runs
        console.print(
            f"{runs.accepted} runs accepted = {runs.applied} applied + {runs.explained} explained"
            f" + {runs.waiting} waiting + {runs.parked} parked",
            highlight=False,
        )
        for currency, money in verification.money.items():
            parts = [
                money_text(getattr(money, name), currency) for name in ("applied", "explained", "waiting", "parked")
            ]
            console.print(f"{money_text(money.accepted, currency)} = {' + '.join(parts)}", highlight=False)
        for chain, last in verification.heads.items():
            console.print(f"Head {chain}={last}", highlight=False)
        kept = (
            f"The heads kept at {verification.kept_at} were looked for."
            if verification.kept_at
            else "No heads are kept here yet."
        )
        console.print(kept, highlight=False)
        verdict = "Sound." if verification.is_sound else f"{verification.problem_count} problems."
        console.print(f"{verification.blocks} sealed commits, {verification.notes} rows. {verdict}", highlight=False)
    if not verification.is_sound:
        raise typer.Exit(FAILED)
