"""`affluent tokens`: API tokens from the command line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import console, say_json, table
from affluent.cli.show import with_hub
from affluent.kit import clock
from affluent.services.identity.tokens import NewToken, TokenView

tokens = typer.Typer(
    help="API tokens: generate, rotate, deactivate. A running server knows within seconds.", no_args_is_help=True
)
TokenId = Annotated[str, typer.Argument(help="Id of the token, see: affluent tokens list")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(tokens, name="tokens")


@tokens.command("list")
def list_tokens(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """All tokens, without their secrets."""

    async def every(hub: Hub) -> list[TokenView]:
        page = await hub.tokens.list(limit=200)
        tokens_ = list(page.items)
        while page.next:
            page = await hub.tokens.list(limit=200, after=page.next)
            tokens_ += page.items
        return tokens_

    tokens_ = with_hub(every, data_dir, database_url)
    if as_json:
        say_json([asdict(token) for token in tokens_])
        return
    rows = [[t.id, t.name, f"…{t.hint}", t.status, ", ".join(t.scopes), t.last_used_at or "never"] for t in tokens_]
    table("API tokens", ["Id", "Name", "Secret", "Status", "Scopes", "Last used"], rows)


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="e.g. invoices:read or *:write; may be given several times.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Good for so many days; default: for ever.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Good from there only, e.g. 192.0.2.0/24; may be given several times.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an API token; the secret is printed once."""
    expires_at = clock.now() + timedelta(days=days) if days else None
    made = with_hub(
        lambda hub: hub.tokens.generate(
            name=name, scopes=scope, expires_at=expires_at, networks=network or (), created_by="command line"
        ),
        data_dir,
        database_url,
    )
    _say_secret(made, as_json=as_json)


@tokens.command("rotate")
def rotate_token(
    token_id: TokenId,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="The old secret stays good for so long.")] = 24,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a token a new secret, printed once; the one before stays good for the overlap."""
    overlap = timedelta(hours=overlap_hours)
    made = with_hub(lambda hub: hub.tokens.rotate(token_id, overlap=overlap), data_dir, database_url)
    _say_secret(made, as_json=as_json)


@tokens.command("deactivate")
def deactivate_token(
    token_id: TokenId, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Refuse a token from now on; it stays in the list."""
    token = with_hub(lambda hub: hub.tokens.deactivate(token_id), data_dir, database_url)
    if as_json:
        say_json(asdict(token))
        return
    console.print(f"{token.name} is deactivated.")


@tokens.command("delete")
def delete_token(
    token_id: TokenId, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Remove a token for good; the audit log keeps that it was there."""
    with_hub(lambda hub: hub.tokens.delete(token_id), data_dir, database_url)
    if as_json:
        say_json({"id": token_id, "deleted": True})
        return
    console.print(f"{token_id} is deleted.")


def _say_secret(made: NewToken, *, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(made.token), "secret": made.secret})
        return
    typer.echo(made.secret)
