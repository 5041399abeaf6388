"""`affluent demo`: the server, the twins, and a story that has already run. Its exit code says whether the books agree."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from affluent.bootstrap import Hub, build
from affluent.catalog import load
from affluent.cli.options import settings_with
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.run import run
from affluent.demo.books import Books, compare
from affluent.demo.connections import Wiring
from affluent.demo.story import WEBHOOK_SECRET, Story
from affluent.demo.world import Outside
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.server.process import address, bind, running, serving
from affluent.server.signals import asked_to_stop
from affluent.server.twins import hush, twins_application

_OUTAGE_SECONDS = 5.0
FLOWS: dict[str, JSONObject] = {
    "sync_new_accounts": {},
    "track_referral_sale": {"default_plan": "Growth, partner 15% off"},
    "track_refund": {},
    "track_cancellation_archived": {},
    "track_cancellation": {},
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story is played on."""

    hub: Hub
    wiring: Wiring
    outside: Outside


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
    with tempfile.TemporaryDirectory(prefix="affluent-demo-") as temporary:
        async with _stage(data_dir or Path(temporary), ports) as stage:

            def say(text: str) -> None:
                if not as_json:
                    console.print(
                        f"[dim]{perf_counter() - started:6.1f} s[/dim]  {text}", highlight=False, soft_wrap=True
                    )

            say("The server and the twins are up")
            story = Story(stage.hub, stage.wiring, stage.outside, say, outage_seconds=_OUTAGE_SECONDS)
            await story.play()
            theirs = {app: await stage.outside.books(app) for app in ("firstpromoter", "razorpay")}
            books = await compare(stage.hub, theirs, seconds=perf_counter() - started)
            unexplained = await _reconcile(stage.hub)
            if as_json:
                say_json({**books.as_json(), "unexplained": unexplained})
            else:
                _show(books, unexplained)
            if not once:
                link = await stage.hub.people.signed_in_link()
                console.print(f"\nOpen, already signed in: [bold]{link}[/bold]", highlight=False, soft_wrap=True)
                console.print("Ctrl-C stops everything.", highlight=False)
                await asked_to_stop().wait()
            return books.agrees and not any(unexplained.values())


async def _reconcile(hub: Hub) -> dict[str, int]:
    """Compare this month's books to the minor unit, as the page shows it; returns what nobody can explain, by currency."""
    today = clock.now().date()
    statement = await hub.reconciliation.begin(today.replace(day=1), today, author="demo")
    done = await hub.reconciliation.run(statement.id)
    if done.phase != "done":
        raise RuntimeError(f"The month could not be reconciled: {done.sentence}")
    return done.remainder


@asynccontextmanager
async def _stage(data_dir: Path, ports: tuple[int, int]) -> AsyncIterator[Stage]:
    server, vendors = bind("127.0.0.1", ports[0]), bind("127.0.0.1", ports[1])
    settings = settings_with(data_dir=data_dir, allow_private_addresses=True, database_url="")
    hub = build(settings, own_url=address(server))
    twins_url = address(vendors)
    async with serving(twins_application(load().twins()), [vendors]), running(hub, server):
        hush()
        token = await hub.tokens.generate(name="Demo", scopes=("*:write",), created_by="demo")
        wiring = Wiring(hub)
        await _connect(wiring, twins_url, token.secret)
        async with Outside(f"{hub.server_url}/togai", token.secret, twins_url) as outside:
            yield Stage(hub, wiring, outside)


async def _connect(wiring: Wiring, twins_url: str, secret: str) -> None:
    await wiring.connect("togai", "Billing workspace", secret_key=secret)
    await wiring.connect(
        "firstpromoter",
        "FirstPromoter twin",
        api_key="fp_demo_key",
        account_id="demo-account",
        base_url=f"{twins_url}/firstpromoter/api/v2",
    )
    await wiring.connect(
        "razorpay",
        "Razorpay twin",
        key_id="rzp_test_demo0000000000",
        key_secret="demo-key-secret",  # noqa: S106 - of a twin that lives as long as the demo
        webhook_secret=WEBHOOK_SECRET,
        base_url=f"{twins_url}/razorpay",
    )
    for key, inputs in FLOWS.items():
        await wiring.switch_on(key, **inputs)


def _show(books: Books, unexplained: dict[str, int]) -> None:
    shown = books.as_json()
    left = ", ".join(str(Money(minor, currency)) for currency, minor in sorted(unexplained.items()) if minor)
    commissions = ", ".join(books.commissions_in_words()) or "none"
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
        ["The vendors' books agree with ours", "yes" if books.agrees else "NO: " + "; ".join(books.differences)],
    ]
    table("", ["What came of it", ""], rows)
