"""`affluent demo`: the server, the twins, and a story that has already run. Its exit code says whether the books agree."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from affluent.cli.options import settings_with
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.run import run
from affluent.demo.comparison import Result
from affluent.demo.stage import play, stage
from affluent.kit.money import Money
from affluent.server.signals import asked_to_stop


def demo(
    once: Annotated[bool, typer.Option(help="Play the story on free ports, print the result, stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on standard output.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server.")] = 8080,
    twins_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the twins.")] = 8090,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data in this new folder; default: a temporary one.")
    ] = None,
) -> None:
    """Start everything with the vendors' twins, play a story, show what came of it."""
    if data_dir is not None and settings_with(data_dir=data_dir).sqlite_path().exists():
        fail(f"--data-dir: {data_dir} has data already, and the story would go on in it. Name a new folder.", MISUSED)
    ports = (0, 0) if once else (port, twins_port)
    work = _demo(ports=ports, data_dir=data_dir, once=once, as_json=as_json)
    if not run(work, settings_with(), log_level="error"):
        raise typer.Exit(1)


async def _demo(*, ports: tuple[int, int], data_dir: Path | None, once: bool, as_json: bool) -> bool:
    started = perf_counter()

    def say(text: str) -> None:
        if not as_json:
            console.print(f"[dim]{perf_counter() - started:6.1f} s[/dim]  {text}", highlight=False, soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="affluent-demo-") as temporary:
        settings = settings_with(data_dir=data_dir or Path(temporary), allow_private_addresses=True, database_url="")
        async with stage(settings, ports=ports) as on:
            result, unexplained = await play(on, say, started=started)
            if as_json:
                say_json({**result.as_json(), "unexplained": unexplained})
            else:
                _show(result, unexplained)
            if not once:
                link = await on.hub.people.signed_in_link()
                console.print(f"\nOpen, already signed in: [bold]{link}[/bold]", highlight=False, soft_wrap=True)
                console.print("Ctrl-C stops everything.", highlight=False)
                await asked_to_stop().wait()
            return result.agrees and not any(unexplained.values())


def _show(result: Result, unexplained: dict[str, int]) -> None:
    shown = result.as_json()
    left = ", ".join(str(Money(minor, currency)) for currency, minor in sorted(unexplained.items()) if minor)
    commissions = ", ".join(result.commissions_in_words()) or "none"
    rows = [
        ["Accounts synced to FirstPromoter", shown["signups_tracked"]],
        ["Sales tracked", shown["sales_tracked"]],
        ["Not referred (a normal outcome)", shown["not_referred"]],
        ["Price plans attached", shown["plans_attached"]],
        ["Paid at Razorpay, and so here", shown["razorpay_payments"]],
        ["Refunds, cancellations", f"{shown['refunds_tracked']}, {shown['cancellations_tracked']}"],
        ["Commissions", commissions],
        ["Attempts retried", shown["retries"]],
        ["Effects doubled", shown["duplicates_at_vendor"]],
        ["Events lost", shown["lost"]],
        ["Reconciled: money nobody can explain", left or "0.00"],
        ["The vendors' records agree with ours", "yes" if result.agrees else "NO: " + "; ".join(result.differences)],
    ]
    table("", ["What came of it", ""], rows)
