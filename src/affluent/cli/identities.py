"""`affluent identities`: under which ids an account is known elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail, say_json, table
from affluent.cli.show import with_hub

identities = typer.Typer(help="Identities: the ids of an account in every system.", no_args_is_help=True)


@identities.command("list")
def list_identities(
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    external_id: Annotated[str, typer.Option(help="Whose id is this at a vendor?")] = "",
    app: Annotated[str, typer.Option(help="Only of this app.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """The id map."""
    links = with_hub(
        lambda hub: hub.identities.find(account_id=account, external_id=external_id, app=app, limit=limit),
        data_dir,
        database_url,
    )
    if as_json:
        say_json([asdict(item) for item in links])
        return
    rows = [[item.account_id, item.app, item.kind, item.external_id, item.how] for item in links]
    table("Identities", ["Account", "App", "Kind", "Id there", "Known by"], rows)


@identities.command("conflicts")
def conflicts(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Ids that stand for several accounts."""
    conflicting = with_hub(lambda hub: hub.identity_map.conflicts(), data_dir, database_url)
    if as_json:
        say_json([asdict(item) for item in conflicting])
        return
    rows = [[item.app, item.kind, item.external_id, ", ".join(item.account_ids)] for item in conflicting]
    table("Conflicts", ["App", "Kind", "Id there", "Accounts"], rows)


@identities.command("merge")
def merge(
    app: Annotated[str, typer.Option(help="App, e.g. firstpromoter.")],
    kind: Annotated[str, typer.Option(help="Kind, e.g. referral.")],
    external_id: Annotated[str, typer.Option(help="The id there.")],
    account_id: Annotated[str, typer.Option(help="The account whose id it is.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say whose id it is; the other accounts lose it."""
    given = {"app": app, "kind": kind, "external_id": external_id, "account_id": account_id}
    with_hub(lambda hub: hub.identity_map.merge(**given, author="command line"), data_dir, database_url)
    if as_json:
        say_json(given)
        return
    console.print(f"{kind} {external_id} is {account_id}.", highlight=False)


@identities.command("export")
def export(
    to: Annotated[Path, typer.Argument(help="CSV file to write.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the whole map."""
    text = with_hub(lambda hub: hub.identity_map.export(), data_dir, database_url)
    to.write_text(text, encoding="utf-8", newline="")
    if as_json:
        say_json({"path": str(to), "ids": max(text.count("\n") - 1, 0)})


@identities.command("import")
def take(
    file: Annotated[Path, typer.Argument(help="CSV: account_id, app or connection_id, kind, external_id.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take a map: all lines, or none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}", MISUSED)

    number = with_hub(lambda hub: hub.identity_map.take(text, author="command line"), data_dir, database_url)
    if as_json:
        say_json({"ids": number})
        return
    console.print(f"{number} ids imported.", highlight=False)
