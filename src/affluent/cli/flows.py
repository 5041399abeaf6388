"""`affluent flows`: list, show, switch on and off, to a file and from one."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.flows_files import Files, carry_out, say_file
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, errors, fail, say_json, table
from affluent.cli.progress import progress
from affluent.cli.show import with_hub
from affluent.kit.jsons import InvalidJSON, JSONObject, loads
from affluent.services.inbound.background_jobs import BackgroundJobView

flows = typer.Typer(help="Flows, ready-made and your own.", no_args_is_help=True)

_LOOK_SECONDS = 0.5


@flows.command("list")
def list_flows(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """All flows."""
    views = with_hub(lambda hub: hub.flows.list(limit=200), data_dir, database_url).items
    if as_json:
        say_json([asdict(flow) for flow in views])
        return
    rows = [[f.id, f.name, f.type, f.version, f"{f.enabled_connections} of {f.connections}"] for f in views]
    table("Flows", ["Id", "Flow", "Type", "Version", "Switched on"], rows)


@flows.command("show")
def show_flow(
    flow_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """One flow: trigger, steps and versions in words."""
    detail = with_hub(lambda hub: hub.flows.get(flow_id), data_dir, database_url)
    if as_json:
        say_json(asdict(detail))
        return
    console.print(
        f"[bold]{detail.flow.name}[/bold] ({detail.flow.type}, version {detail.flow.version})", highlight=False
    )
    console.print(detail.flow.description, highlight=False)
    if detail.definition is not None:
        use = detail.definition.trigger
        console.print(
            f"Starts with {use.app}.{use.trigger}{f' if {use.condition}' if use.condition else ''}", highlight=False
        )
        rows = [[n, s.id, f"{s.app}.{s.action}", s.condition] for n, s in enumerate(detail.definition.steps, start=1)]
        table("Steps", ["", "Id", "Does", "If"], rows)
    table("Versions", ["Number", "By", "Changes"], [[v.number, v.author, " ".join(v.changes)] for v in detail.versions])


@flows.command("connections")
def list_flow_connections(
    flow: Annotated[str, typer.Option(help="Only of this flow (id).")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Flow connections: where flows are switched on, with their ids for enable and disable."""
    links = with_hub(lambda hub: hub.flow_connections.list(flow_id=flow, limit=200), data_dir, database_url).items
    if as_json:
        say_json([asdict(link) for link in links])
        return
    rows = [[link.id, link.flow_name, link.name, "on" if link.enabled else "off"] for link in links]
    table("Flow connections", ["Id", "Flow", "Name", "Is"], rows)


@flows.command("enable")
def enable_flow(
    flow_connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Let new events start runs of a flow connection."""
    link = with_hub(lambda hub: hub.flow_connections.enable(flow_connection_id), data_dir, database_url)
    if as_json:
        say_json(asdict(link))
        return
    console.print(f"{link.flow_name}, {link.name}, is on.", highlight=False)


@flows.command("disable")
def disable_flow(
    flow_connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Start no more runs of a flow connection; what runs ends."""
    link = with_hub(lambda hub: hub.flow_connections.disable(flow_connection_id), data_dir, database_url)
    if as_json:
        say_json(asdict(link))
        return
    console.print(f"{link.flow_name}, {link.name}, is off.", highlight=False)


@flows.command("trigger")
def trigger_flow(
    flow_connection_id: str,
    payload: Annotated[str, typer.Option(help="The event as a JSON object; none: begin a backfill.")] = "{}",
    follow: Annotated[bool, typer.Option("--follow", help="Wait until a backfill has read everything.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Trigger now: start a run, or a backfill of everything its trigger lists. A running server does the work."""
    given = _payload(payload)

    async def work(hub: Hub) -> tuple[str, BackgroundJobView | None]:
        accepted = await hub.flow_connections.trigger_now(flow_connection_id, given)
        if not follow:
            return accepted.event_id, None
        return accepted.event_id, await _followed(hub, flow_connection_id)

    event_id, walk = with_hub(work, data_dir, database_url)
    if as_json:
        say_json({"event_id": event_id, "backfill": asdict(walk) if walk else None})
    elif walk:
        console.print(f"The backfill brought {walk.items} events. {walk.sentence}".rstrip(), highlight=False)
    else:
        console.print(f"Triggered as {event_id}: affluent runs tail", highlight=False)


async def _followed(hub: Hub, flow_connection_id: str) -> BackgroundJobView:
    """The backfill when it has read everything; every failure on the way is told, since a vendor may be away for long."""
    walk = await _backfill(hub, flow_connection_id)
    if walk is None:
        fail("There is no backfill to follow: this was an event of its own. See: affluent runs tail", MISUSED)
    failures = 0
    with progress("Reading", unit="events") as tell:
        while walk is not None and walk.phase != "done":
            tell(walk.items, 0)
            if walk.failures > failures:
                errors.print(f"It is tried again: {walk.sentence}", highlight=False, soft_wrap=True)
            failures = walk.failures
            await asyncio.sleep(_LOOK_SECONDS)
            walk = await _backfill(hub, flow_connection_id)
    if walk is None:
        fail("The flow connection was removed meanwhile; what was read stays.")
    return walk


async def _backfill(hub: Hub, flow_connection_id: str) -> BackgroundJobView | None:
    jobs = await hub.background_jobs.list(flow_connection_id)
    return next((job for job in jobs if job.kind == "backfill"), None)


def _payload(text: str) -> JSONObject:
    try:
        given = loads(text)
    except InvalidJSON as error:
        fail(f"--payload: {error}", MISUSED)
    if not isinstance(given, dict):
        fail("--payload must be a JSON object, e.g. {}.", MISUSED)
    return dict(given)


@flows.command("export")
def export_flow(
    flow_id: str,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; default: standard output.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """One flow with its connections (without secrets) as YAML."""
    file = with_hub(lambda hub: hub.files.export(flow_id=flow_id), data_dir, database_url)
    say_file(file, output, as_json=as_json)


@flows.command("import")
def import_flows(
    files: Files, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """The same as affluent apply."""
    carry_out(files, test=True, as_json=as_json, data_dir=data_dir, database_url=database_url)
