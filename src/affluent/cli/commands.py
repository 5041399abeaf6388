"""Registers the commands that have a module of their own."""

from __future__ import annotations

import typer

from affluent.cli.apps_check import check_app
from affluent.cli.apps_new import new_app
from affluent.cli.backup import backup, restore
from affluent.cli.connections import connections
from affluent.cli.doctor import doctor
from affluent.cli.events import events
from affluent.cli.flows import flows
from affluent.cli.flows_files import apply, export, plan, schema
from affluent.cli.identities import identities
from affluent.cli.journal import journal
from affluent.cli.migrate import migrate
from affluent.cli.move import move
from affluent.cli.payouts import payouts
from affluent.cli.runs import runs
from affluent.cli.settings import settings
from affluent.cli.show import apps


def register(app: typer.Typer) -> None:
    """Add the commands and groups of commands to `affluent`."""
    apps.command("new")(new_app)
    apps.command("check")(check_app)
    groups = {
        "connections": connections,
        "flows": flows,
        "runs": runs,
        "events": events,
        "identities": identities,
        "payouts": payouts,
        "journal": journal,
    }
    for name, group in groups.items():
        app.add_typer(group, name=name)
    for command in (export, plan, apply, schema, doctor, migrate, settings, backup, restore, move):
        app.command()(command)
