"""How commands reach the store directly, no server needed; and the apps and tokens."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from affluent.bootstrap import Hub, build
from affluent.catalog import load
from affluent.cli.options import AsJson, DatabaseUrl, DataDir, settings_with
from affluent.cli.output import console, fail, say_json, table
from affluent.cli.run import run
from affluent.kit.actor import Actor, acting

T = TypeVar("T")

apps = typer.Typer(help="The catalogue of apps.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the groups to the command."""
    for name, group in (("apps", apps), ("tokens", tokens)):
        app.add_typer(group, name=name)


def with_hub(use: Callable[[Hub], Awaitable[T]], data_dir: Path | None, database_url: str | None) -> T:
    """Open the store, use it, close it; errors in words."""
    settings = settings_with(data_dir=data_dir, database_url=database_url)

    async def work() -> T:
        hub = build(settings, own_url=settings.server_url())
        await hub.open()
        try:
            with acting(Actor(kind="command", name=_operator())):
                return await use(hub)
        finally:
            await hub.close()

    return run(work(), settings, log_level="warning")


def _operator() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


@apps.command("list")
def list_apps(as_json: AsJson = False) -> None:
    """All apps with their triggers and actions counted."""
    found = load().apps.values()
    if as_json:
        say_json(
            [
                {"key": a.key, "title": a.title, "triggers": sorted(a.triggers), "actions": sorted(a.actions)}
                for a in found
            ]
        )
        return
    table(
        "Apps",
        ["Key", "App", "Triggers", "Actions"],
        [[a.key, a.title, len(a.triggers), len(a.actions)] for a in found],
    )


@apps.command("show")
def show_app(key: str, as_json: AsJson = False) -> None:
    """One app: triggers and actions with their texts."""
    app = load().apps.get(key)
    if app is None:
        fail(f"There is no app {key!r}; see: affluent apps list", 2)
    operations = [("trigger", t.key, t.title, t.description) for t in app.triggers.values()]
    operations += [("action", a.key, a.title, a.description.splitlines()[0]) for a in app.actions.values()]
    if as_json:
        names = ("kind", "key", "title", "description")
        say_json(
            {"key": app.key, "title": app.title, "operations": [dict(zip(names, o, strict=True)) for o in operations]}
        )
        return
    console.print(f"[bold]{app.title}[/bold]: {app.description}")
    table("Operations", ["Kind", "Key", "Title", "Description"], operations)


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="e.g. invoices:read or *:write; may be given several times.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an API token; the secret is printed once."""
    made = with_hub(
        lambda hub: hub.tokens.generate(name=name, scopes=tuple(scope), created_by="command line"),
        data_dir,
        database_url,
    )
    if as_json:
        say_json({**asdict(made.token), "secret": made.secret})
        return
    typer.echo(made.secret)


@tokens.command("list")
def list_tokens(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """All tokens, without their secrets."""
    found = with_hub(lambda hub: hub.tokens.list(limit=200), data_dir, database_url).items
    if as_json:
        say_json([asdict(token) for token in found])
        return
    rows = [[t.id, t.name, t.status, ", ".join(t.scopes), t.last_used_at or "never"] for t in found]
    table("API tokens", ["Id", "Name", "Status", "Scopes", "Last used"], rows)
