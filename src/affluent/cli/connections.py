"""`affluent connections`: list, show, make, test, change, disable. Secrets are asked for or read from standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from affluent.catalog import load
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.show import with_hub
from affluent.kit.jsons import JSONObject, loads
from affluent.sdk import App
from affluent.services.connections.credentials import secret_fields
from affluent.services.connections.views import ConnectionView

connections = typer.Typer(help="Connections: credentials for apps, tested and encrypted.", no_args_is_help=True)

Fields = Annotated[
    list[str] | None,
    typer.Option("--field", help="name=value of a field that is no secret; may be given several times."),
]
FromStdin = Annotated[
    bool, typer.Option("--secrets-from-stdin", help="Read the secrets as one JSON object instead of asking for them.")
]
SkipTest = Annotated[bool, typer.Option("--skip-test", help="Save without trying the credentials at the vendor.")]


@connections.command("list")
def list_connections(
    app: Annotated[str, typer.Option(help="Only those of this app.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """All connections with their state."""
    views = with_hub(lambda hub: hub.connections.list(app=app, limit=200), data_dir, database_url).items
    if as_json:
        say_json([asdict(item) for item in views])
        return
    rows = [[c.id, c.app_title, c.name, c.status, c.status_reason or _uses(c)] for c in views]
    table("Connections", ["Id", "App", "Name", "Status", "Used by"], rows)


@connections.command("show")
def show_connection(
    connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """One connection: its fields, which secrets are held, where it is used."""
    view = with_hub(lambda hub: hub.connections.get(connection_id), data_dir, database_url)
    if as_json:
        say_json(asdict(view))
        return
    rows: list[list[object]] = [
        ["App", view.app_title],
        ["Name", view.name],
        ["Status", f"{view.status} {view.status_reason}".strip()],
    ]
    rows += [[name, value] for name, value in view.fields.items()]
    rows += [[name, "held, not shown"] for name in view.secrets]
    rows += [["Tested", view.tested_at or "never"], ["Used by", _uses(view) or "nothing"]]
    table(view.id, ["", ""], rows)


@connections.command("create")
def create_connection(
    app: Annotated[str, typer.Argument(help="Key of the app; see: affluent apps list")],
    name: Annotated[str, typer.Option(help="How it is called.")],
    field: Fields = None,
    secrets_from_stdin: FromStdin = False,
    skip_test: SkipTest = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a connection. It is tried at the vendor before it is saved."""
    fields = {**_plain(field), **_secrets(_app(app), from_stdin=secrets_from_stdin)}
    made = with_hub(
        lambda hub: hub.connections.create(app=app, name=name, fields=fields, skip_test=skip_test),
        data_dir,
        database_url,
    )
    _tell(made, "is made", as_json=as_json)


@connections.command("update")
def update_connection(
    connection_id: str,
    field: Fields = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Ask for new secrets; an empty one is kept.")] = False,
    secrets_from_stdin: FromStdin = False,
    skip_test: SkipTest = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Change fields or secrets; the runs that waited for it go on."""
    given = _plain(field)
    if secrets or secrets_from_stdin:
        known = with_hub(lambda hub: hub.connections.get(connection_id), data_dir, database_url)
        given |= _secrets(_app(known.app), from_stdin=secrets_from_stdin)
    made = with_hub(
        lambda hub: hub.connections.update(connection_id, fields=given, skip_test=skip_test), data_dir, database_url
    )
    _tell(made, "is changed", as_json=as_json)


@connections.command("test")
def try_connection(
    connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Try the stored credentials at the vendor now. Exit code 1: refused."""
    result = with_hub(lambda hub: hub.connections.test(connection_id), data_dir, database_url)
    if as_json:
        say_json({"ok": result.ok, "message": result.message, "field": result.field})
    else:
        console.print(result.message, highlight=False)
    if not result.ok:
        raise typer.Exit(1)


@connections.command("disable")
def disable_connection(
    connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Send nothing on it any more; its runs wait."""
    done = with_hub(lambda hub: hub.connections.disable(connection_id), data_dir, database_url)
    _tell(done, "is disabled", as_json=as_json)


@connections.command("enable")
def enable_connection(
    connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Use it again; the runs that waited go on."""
    done = with_hub(lambda hub: hub.connections.enable(connection_id), data_dir, database_url)
    _tell(done, "is enabled", as_json=as_json)


@connections.command("delete")
def delete_connection(
    connection_id: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Remove it with its secrets; refused while a flow uses it."""
    with_hub(lambda hub: hub.connections.delete(connection_id), data_dir, database_url)
    if as_json:
        say_json({"id": connection_id, "deleted": True})
        return
    console.print(f"{connection_id} is deleted.", highlight=False)


def _tell(view: ConnectionView, what: str, *, as_json: bool = False) -> None:
    if as_json:
        say_json(asdict(view))
        return
    console.print(f"{view.app_title} connection {view.name} ({view.id}) {what}.", highlight=False)


def _uses(view: ConnectionView) -> str:
    return ", ".join(f"{use.flow_name} ({use.flow_connection_name})" for use in view.used_by)


def _app(key: str) -> App:
    app = load().apps.get(key)
    if app is None or app.credentials is None:
        fail(f"There is no app {key!r} that takes a connection; see: affluent apps list", MISUSED)
    return app


def _plain(given: list[str] | None) -> JSONObject:
    fields: JSONObject = {}
    for text in given or ():
        name, separator, value = text.partition("=")
        if not separator:
            fail(f"--field {text}: write it as name=value", MISUSED)
        fields[name.strip()] = value
    return fields


def _secrets_from_stdin(names: Sequence[str]) -> JSONObject:
    try:
        given = loads(sys.stdin.read())
    except ValueError as error:
        fail(f"standard input: {error}", MISUSED)
    unknown = [name for name in given if name not in names] if isinstance(given, dict) else ["that"]
    if unknown:
        fail(f"standard input must be a JSON object with the secrets {', '.join(names)}, not {unknown[0]!r}", MISUSED)
    return dict(given)


def _secrets(app: App, *, from_stdin: bool) -> JSONObject:
    model = app.credentials
    names = secret_fields(model) if model else ()
    if from_stdin:
        return _secrets_from_stdin(names)
    asked: JSONObject = {}
    for name in names:
        field = model.model_fields[name] if model else None
        if field is None:
            continue
        hint = "" if field.is_required() else " (optional)"
        asked[name] = typer.prompt(f"{field.title or name}{hint}", hide_input=True, default="", show_default=False)
    return asked
