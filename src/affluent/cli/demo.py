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
from affluent.cli.books import Books, compare
from affluent.cli.output import console, say_json, table
from affluent.cli.run import run
from affluent.cli.server import address, bind, running, serving
from affluent.cli.signals import asked_to_stop
from affluent.cli.story import Outside, Story
from affluent.cli.twins import hush, twins_application
from affluent.settings import Settings

_OUTAGE_SECONDS = 5.0
FLOWS = (
    "sync_new_accounts",
    "track_referral_sale",
    "track_refund",
    "track_cancellation_archived",
    "track_cancellation",
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story is played on."""

    hub: Hub
    twins_url: str
    outside: Outside


def demo(
    once: Annotated[bool, typer.Option(help="Play the story on free ports, print the result, stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on standard output.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server.")] = 8080,
    twins_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the twins.")] = 8090,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data here; default: a temporary folder.")] = None,
) -> None:
    """Start everything with the vendors' twins, play a story, show what came of it."""
    ports = (0, 0) if once else (port, twins_port)
    work = _demo(ports=ports, data_dir=data_dir, once=once, as_json=as_json)
    if not run(work, Settings(), log_level="error"):
        raise typer.Exit(1)


async def _demo(*, ports: tuple[int, int], data_dir: Path | None, once: bool, as_json: bool) -> bool:
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="affluent-demo-") as temporary:
        async with _stage(data_dir or Path(temporary), ports) as stage:

            def say(text: str) -> None:
                if not as_json:
                    console.print(f"[dim]{perf_counter() - started:6.1f} s[/dim]  {text}", highlight=False)

            say("The server and the twins are up")
            story = Story(stage.hub, stage.outside, say, outage_seconds=_OUTAGE_SECONDS)
            await story.play()
            books = await compare(stage.hub, await stage.outside.books(), seconds=perf_counter() - started)
            if as_json:
                say_json(books.as_json())
            else:
                _show(books)
            if not once:
                link = await stage.hub.people.signed_in_link()
                console.print(f"\nOpen, already signed in: [bold]{link}[/bold]", highlight=False, soft_wrap=True)
                console.print("Ctrl-C stops everything.", highlight=False)
                await asked_to_stop().wait()
            return books.agrees


@asynccontextmanager
async def _stage(data_dir: Path, ports: tuple[int, int]) -> AsyncIterator[Stage]:
    server, vendors = bind("127.0.0.1", ports[0]), bind("127.0.0.1", ports[1])
    settings = Settings(data_dir=data_dir, allow_private_addresses=True, database_url="")
    hub = build(settings, own_url=address(server))
    twins_url = address(vendors)
    async with serving(twins_application(load().twins()), [vendors]), running(hub, server):
        hush()
        token = await hub.tokens.generate(name="Demo", scopes=("*:write",), created_by="demo")
        await _connect(hub, twins_url, token.secret)
        async with Outside(f"{hub.server_url}/togai", token.secret, f"{twins_url}/firstpromoter") as outside:
            yield Stage(hub, twins_url, outside)


async def _connect(hub: Hub, twins_url: str, secret: str) -> None:
    togai = await hub.connections.create(app="togai", name="Billing workspace", fields={"secret_key": secret})
    promoter = await hub.connections.create(
        app="firstpromoter",
        name="FirstPromoter twin",
        fields={
            "api_key": "fp_demo_key",
            "account_id": "demo-account",
            "base_url": f"{twins_url}/firstpromoter/api/v2",
        },
    )
    plans = {"togai": togai.id, "firstpromoter": promoter.id}
    for definition in hub.catalog.public_flows():
        if definition.key not in FLOWS:
            continue
        flow = await hub.flows.by_key(definition.key)
        bindings = {"trigger": plans[definition.trigger.app]} | {step.id: plans[step.app] for step in definition.steps}
        wanted = {item.key for item in definition.inputs}
        inputs = {"default_plan": "Growth, partner 15% off"} if "default_plan" in wanted else {}
        await hub.flow_connections.create(flow_id=flow.id, name="Demo", bindings=bindings, inputs=inputs)


def _show(books: Books) -> None:
    shown = books.as_json()
    commissions = ", ".join(books.commissions_in_words()) or "none"
    rows = [
        ["Accounts synced to FirstPromoter", shown["signups_tracked"]],
        ["Sales tracked", shown["sales_tracked"]],
        ["Not referred (a normal outcome)", shown["not_referred"]],
        ["Price plans attached", shown["plans_attached"]],
        ["Refunds, cancellations", f"{shown['refunds_tracked']}, {shown['cancellations_tracked']}"],
        ["Commissions", commissions],
        ["Attempts retried", shown["retries"]],
        ["Effects doubled", shown["duplicates_at_vendor"]],
        ["Events lost", shown["lost"]],
        ["FirstPromoter's books agree with ours", "yes" if books.agrees else "NO: " + "; ".join(books.differences)],
    ]
    table("", ["What came of it", ""], rows)
