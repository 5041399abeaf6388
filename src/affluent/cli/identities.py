"""`affluent identities`: under which ids an account is known elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import say_json, table
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
    found = with_hub(
        lambda hub: hub.identities.find(account_id=account, external_id=external_id, app=app, limit=limit),
        data_dir,
        database_url,
    )
    if as_json:
        say_json([asdict(item) for item in found])
        return
    rows = [[item.account_id, item.app, item.kind, item.external_id, item.how] for item in found]
    table("Identities", ["Account", "App", "Kind", "Id there", "Known by"], rows)
