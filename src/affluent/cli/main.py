"""The commands."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from typing import Annotated

import typer

from affluent.bootstrap import Hub, build
from affluent.cli import audit, commands, keys, show, tokens, users
from affluent.cli.demo import demo
from affluent.cli.evidence import evidence
from affluent.cli.ledger import ledger
from affluent.cli.options import Config, DatabaseUrl, DataDir, settings_with
from affluent.cli.output import MISUSED, console, fail, say_error
from affluent.cli.reconcile import reconcile, repair
from affluent.cli.run import run
from affluent.kit import memory
from affluent.kit.jsons import whole_text
from affluent.server.process import address, bind, hold, running, serving
from affluent.server.signals import asked_to_stop
from affluent.server.twins import hush, twins_application
from affluent.settings import Settings
from affluent.worker.loop import Worker

app = typer.Typer(
    name="affluent",
    help="Self-hosted integration hub for billing: Togai, FirstPromoter and Razorpay flow into each other, to the cent.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
show.register(app)
commands.register(app)
for group in (audit, keys, tokens, users):
    group.register(app)
app.command()(demo)
app.command()(reconcile)
app.command()(repair)
app.add_typer(ledger, name="ledger")
app.add_typer(evidence, name="evidence")


def main() -> None:
    """Entry of the `affluent` command. What it writes (databases, keys, backups, packs, logs) is for its own user only."""
    os.umask(0o077)
    for argument in sys.argv[1:]:
        if argument != whole_text(argument):  # Python reads bytes that are no text as halves of surrogate pairs
            say_error(f"The argument {whole_text(argument)!r} is no text in UTF-8; write it again.")
            sys.exit(MISUSED)
    app()


def _say_version(is_asked_for: bool) -> None:
    if is_asked_for:
        typer.echo(f"affluent {version('affluent')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What holds for every command."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    execute: Annotated[bool, typer.Option(help="Also execute runs here; off when separate workers do.")] = True,
    config: Config = None,
) -> None:
    """Start the server. Needs no configuration: everything has a working default."""
    settings = settings_with(host=host, port=port, data_dir=data_dir, database_url=database_url, config=config)
    run(_serve(settings, execute=execute), settings)


@app.command()
def worker(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where the server answers, when not on --host, --port.")
    ] = None,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Answer /metrics of this process on the same host; 0: not at all.")
    ] = 0,
    config: Config = None,
) -> None:
    """Execute runs beside a server, over PostgreSQL. Start as many as you like."""
    settings = settings_with(data_dir=data_dir, database_url=database_url, public_url=public_url, config=config)
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        fail("worker needs --database-url postgresql://…; with SQLite the server executes runs itself.", 2)
    run(_work(settings, metrics_port), settings)


@app.command()
def twins(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8090,
) -> None:
    """Serve the vendors' stand-ins: stateful, documented answers, misbehaving on demand."""
    run(_twins(host, port), settings_with())


async def _serve(settings: Settings, *, execute: bool) -> None:
    stop = asked_to_stop()
    with ExitStack() as held:
        sock = held.enter_context(bind(settings.host, settings.port))
        if not settings.database_url:
            held.enter_context(hold(settings.data_dir))
        hub = build(settings, own_url=address(sock))
        async with running(hub, sock, execute=execute):
            await _welcome(hub)
            await stop.wait()
            console.print("Stopping: finishing what runs, handing back the rest.")


async def _welcome(hub: Hub) -> None:
    console.print(f"[bold]Affluent[/bold] is ready at {hub.server_url}", highlight=False)
    link = await hub.first_link()
    if link:
        console.print(f"Create the owner of this installation here, once: {link}", highlight=False, soft_wrap=True)


async def _work(settings: Settings, metrics_port: int) -> None:
    stop = asked_to_stop()
    async with AsyncExitStack() as held:
        sock = held.enter_context(bind(settings.host, metrics_port)) if metrics_port else None
        hub = build(settings, own_url=settings.server_url())
        await hub.open()
        held.push_async_callback(hub.close)
        if sock is not None:
            from affluent.server.scrape import metrics_application  # noqa: PLC0415 - web parts, which no other command needs

            await held.enter_async_context(serving(metrics_application(settings, hub.metrics.text), [sock]))
        worker = Worker(hub)
        await worker.start()
        memory.settle()
        console.print("Worker is ready.")
        await stop.wait()
        await worker.stop()


async def _twins(host: str, port: int) -> None:
    from affluent.catalog import load  # noqa: PLC0415 - imports every app

    stop = asked_to_stop()
    sock = bind(host, port)
    twins_ = load().twins()
    async with serving(twins_application(twins_), [sock]):
        hush()
        for twin in twins_:
            console.print(f"{twin.key}: {address(sock)}/{twin.key}", highlight=False)
        await stop.wait()
