"""The commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from affluent.bootstrap import Hub, build
from affluent.cli import show
from affluent.cli.demo import demo
from affluent.cli.output import console, fail
from affluent.cli.server import AlreadyRunning, address, bind, hold, running, serving
from affluent.cli.signals import until_stopped
from affluent.cli.twins import twins_application
from affluent.kit import logs
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
app.command()(demo)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the key file.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="postgresql://user@host/name; empty: SQLite in the data folder.")]


def main() -> None:
    """Entry of the `affluent` command."""
    app()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    execute: Annotated[bool, typer.Option(help="Also execute runs here; off when separate workers do.")] = True,
) -> None:
    """Start the server. Needs no configuration: everything has a working default."""
    settings = with_options(host=host, port=port, data_dir=data_dir, database_url=database_url)
    run(_serve(settings, execute=execute), settings)


@app.command()
def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Execute runs beside a server, over PostgreSQL. Start as many as you like."""
    settings = with_options(data_dir=data_dir, database_url=database_url)
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        fail("worker needs --database-url postgresql://…; with SQLite the server executes runs itself.", 2)
    run(_work(settings), settings)


@app.command()
def twins(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8090,
) -> None:
    """Serve the vendors' stand-ins: stateful, documented answers, misbehaving on demand."""
    run(_twins(host, port), Settings())


def with_options(**options: object) -> Settings:
    """The settings, with the options that were given on the command line."""
    return Settings(**{key: value for key, value in options.items() if value is not None})


def run(work: object, settings: Settings) -> None:
    """Run a coroutine to its end, with logging set up and errors in words."""
    logs.configure(level=settings.log_level, as_json=settings.log_json)
    try:
        uvloop.run(work)  # type: ignore[arg-type]  # a coroutine
    except AlreadyRunning as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.strerror or error}. Is the port taken? Choose another with --port.")


async def _serve(settings: Settings, *, execute: bool) -> None:
    sock = bind(settings.host, settings.port)
    lock = None if settings.database_url else hold(settings.data_dir)
    hub = build(settings, own_url=address(sock))
    async with running(hub, sock, execute=execute):
        await _welcome(hub)
        await until_stopped()
        console.print("Stopping: finishing what runs, handing back the rest.")
    if lock is not None:
        lock.close()


async def _welcome(hub: Hub) -> None:
    console.print(f"[bold]Affluent[/bold] is ready at {hub.server_url}", highlight=False)
    secret = await hub.first_token()
    if secret:
        console.print("Your first API token, shown once (all scopes):", highlight=False)
        console.print(f"  {secret}", highlight=False)
    link = await hub.first_link()
    if link:
        console.print(f"Create the owner of this installation here, once: {link}", highlight=False)


async def _work(settings: Settings) -> None:
    hub = build(settings, own_url=settings.public_url)
    await hub.open()
    worker = Worker(hub)
    await worker.start()
    console.print("Worker is ready.")
    await until_stopped()
    await worker.stop()
    await hub.close()


async def _twins(host: str, port: int) -> None:
    from affluent.catalog import load  # noqa: PLC0415 - imports every app

    sock = bind(host, port)
    found = load().twins()
    async with serving(twins_application(found), [sock]):
        for twin in found:
            console.print(f"{twin.key}: {address(sock)}/{twin.key}", highlight=False)
        await until_stopped()
