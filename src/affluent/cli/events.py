"""`affluent events`: what arrived, and which runs it started."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import say_json, table
from affluent.cli.show import with_hub

events = typer.Typer(help="Events: what arrived.", no_args_is_help=True)


@events.command("list")
def list_events(
    app: Annotated[str, typer.Option(help="Only of this app.")] = "",
    event_type: Annotated[str, typer.Option("--type", help="Only of this type, e.g. invoice.paid.")] = "",
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 30,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Events, newest first."""
    views = with_hub(
        lambda hub: hub.events.find(app=app, event_type=event_type, account_id=account, limit=limit),
        data_dir,
        database_url,
    )
    if as_json:
        say_json([asdict(event) for event in views])
        return
    rows = [[e.id, e.received_at.strftime("%Y-%m-%d %H:%M:%S"), e.app, e.type, e.title, e.money] for e in views]
    table("Events", ["Id", "Received", "App", "Type", "About", "Net"], rows)


@events.command("show")
def show_event(
    event_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """One event with its payload and the runs that it started."""
    detail = with_hub(lambda hub: hub.events.get(event_id), data_dir, database_url)
    if as_json:
        say_json(asdict(detail))
        return
    event = detail.event
    rows: list[list[object]] = [["Type", f"{event.app}: {event.type}"], ["About", event.title], ["Net", event.money]]
    rows += [["Account", event.account_id], ["Vendor's id", event.external_id], ["Received", event.received_at]]
    table(event.id, ["", ""], rows)
    table(
        "Runs",
        ["Id", "State", "Flow", "What happened"],
        [[r.id, r.state, r.flow_name, r.sentence] for r in detail.runs],
    )
