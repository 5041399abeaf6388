"""How commands reach the store directly, no server needed; and the apps."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import typer

from affluent.bootstrap import Hub, build
from affluent.catalog import load
from affluent.cli.options import AsJson, settings_with
from affluent.cli.output import console, fail, say_json, table
from affluent.cli.run import run
from affluent.kit.actor import Actor, acting

T = TypeVar("T")

apps = typer.Typer(help="The catalogue of apps.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(apps, name="apps")


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
    catalog = load()
    loaded = catalog.apps.values()
    if as_json:
        say_json(
            [
                {"key": a.key, "title": a.title, "triggers": sorted(a.triggers), "actions": sorted(a.actions)}
                for a in loaded
            ]
            + [{"key": b.key, "package": b.package, "error": b.error} for b in catalog.broken]
        )
        return
    table(
        "Apps",
        ["Key", "App", "Triggers", "Actions"],
        [[a.key, a.title, len(a.triggers), len(a.actions)] for a in loaded],
    )
    for broken in catalog.broken:
        console.print(
            f"Broken: {broken.key} ({broken.package}): {broken.error}", highlight=False, markup=False, soft_wrap=True
        )


@apps.command("show")
def show_app(key: str, as_json: AsJson = False) -> None:
    """One app: triggers and actions with their texts."""
    catalog = load()
    app = catalog.apps.get(key)
    if app is None:
        fail(f"{catalog.missing(key)} See: affluent apps list", 2)
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
