"""`affluent users`: people from the command line, also when nobody can sign in any more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import console, say_json, table
from affluent.cli.show import with_hub
from affluent.services.errors import NotFound
from affluent.services.identity.sessions import PersonView

users = typer.Typer(help="People: invite, give a role, let in again, deactivate.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="E-mail address of the person.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(users, name="users")


@users.command("list")
def list_users(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Everybody."""
    people = with_hub(lambda hub: hub.users.list(), data_dir, database_url)
    if as_json:
        say_json([asdict(person) for person in people])
        return
    rows = [[p.email, p.name, p.role.label, p.status, "yes" if p.has_totp else "no"] for p in people]
    table("Users", ["E-mail", "Name", "Role", "Status", "Second factor"], rows)


@users.command("invite")
def invite(
    email: Email,
    name: Annotated[str, typer.Option(help="Name of the person.")],
    role: Annotated[str, typer.Option(help="administrator, developer, product_manager or analyst.")] = "analyst",
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Print a link by which a new person chooses a password, once, within 24 hours."""
    _, link = with_hub(lambda hub: hub.users.invite(name=name, email=email, role=role), data_dir, database_url)
    _say_link(link, as_json=as_json)


@users.command("link")
def link(email: Email, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Print a link by which a person chooses a new password, once, within 24 hours."""

    async def use(hub: Hub) -> str:
        return await hub.users.new_password_link((await _person(hub, email)).id)

    _say_link(with_hub(use, data_dir, database_url), as_json=as_json)


@users.command("role")
def role(
    email: Email, role: str, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Give a person another role."""

    async def use(hub: Hub) -> PersonView:
        return await hub.users.change_role((await _person(hub, email)).id, role)

    person = with_hub(use, data_dir, database_url)
    if as_json:
        say_json(asdict(person))
        return
    console.print(f"{person.name} is {person.role.label} now.")


@users.command("deactivate")
def deactivate(
    email: Email, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Sign a person out everywhere and let them in no more."""

    async def use(hub: Hub) -> PersonView:
        return await hub.users.deactivate((await _person(hub, email)).id)

    person = with_hub(use, data_dir, database_url)
    if as_json:
        say_json(asdict(person))
        return
    console.print(f"{person.name} is deactivated.")


def _say_link(link: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"link": link})
        return
    typer.echo(link)


async def _person(hub: Hub, email: str) -> PersonView:
    address = email.strip().lower()
    for person in await hub.users.list():
        if person.email == address:
            return person
    raise NotFound(f"There is nobody with the e-mail address {address}.")
