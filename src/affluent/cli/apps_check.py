"""`affluent apps check KEY`: how good an app is, by rules that a program can judge."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from affluent.catalog import load
from affluent.cli.options import AsJson
from affluent.cli.output import MISUSED, console, fail, say_json
from affluent.sdk import App, Effect, TriggerKind

LEVELS = ("bronze", "silver", "gold")
_SHORTEST_README = 200
_PLACE = re.compile(r"(^|_)(host|port|server|domain|subdomain|region|endpoint|site|security|tls)($|_)")
"""Names of fields that decide where requests go without being a URL."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that an app of a level does."""

    level: str
    says: str
    holds: Callable[[App], bool]


def check_app(
    key: Annotated[str, typer.Argument(help="Key of the app; see: affluent apps list")], as_json: AsJson = False
) -> None:
    """Judge an app: bronze works, silver is safe and explained, gold can be rehearsed. Exit code 1: not even bronze."""
    catalog = load()
    app = catalog.apps.get(key)
    if app is None:
        fail(f"{catalog.missing(key)} See: affluent apps list", MISUSED)
    judged, level = [(rule, rule.holds(app)) for rule in RULES], level_of(app)
    if as_json:
        rules = [{"level": rule.level, "rule": rule.says, "holds": holds} for rule, holds in judged]
        say_json({"app": app.key, "level": level, "rules": rules})
    else:
        for rule, holds in judged:
            console.print(f"{'yes' if holds else 'NO '} {rule.level:<6} {rule.says}", highlight=False)
        console.print(f"{app.title} is {level or 'not bronze yet'}.", highlight=False)
    if not level:
        raise typer.Exit(1)


def level_of(app: App) -> str:
    """The highest level of which, and of all below, every rule holds; empty when there is none."""
    reached = ""
    for level in LEVELS:
        if not all(rule.holds(app) for rule in RULES if rule.level == level):
            break
        reached = level
    return reached


def _sampled(app: App) -> bool:
    names = [
        *(declared.sample for declared in app.triggers.values()),
        *(declared.sample for declared in app.actions.values()),
    ]
    return all((app.folder / "samples" / name).exists() for name in names)


def _sure(app: App) -> bool:
    risky = [action for action in app.actions.values() if action.effect is Effect.WRITE]
    return all(action.look_up is not None or action.answers for action in risky)


def _fetched(app: App) -> bool:
    hooks = [trigger for trigger in app.triggers.values() if trigger.kind is TriggerKind.WEBHOOK]
    return not hooks or app.webhook is None or any(trigger.listing is not None for trigger in hooks)


def _limited(app: App) -> bool:
    file = app.folder / "README.md"
    return app.credentials is None or app.limit is not None or (file.exists() and "limit" in file.read_text().lower())


def _readme(app: App) -> bool:
    file = app.folder / "README.md"
    return file.exists() and len(file.read_text()) >= _SHORTEST_README


def _addressed(app: App) -> bool:
    names = app.credentials.model_fields if app.credentials else {}
    return all(name in app.address_fields for name in names if _PLACE.search(name))


RULES = (
    Rule("bronze", "has a trigger or an action", lambda app: bool(app.triggers or app.actions)),
    Rule("bronze", "has a sample of each", _sampled),
    Rule("bronze", "has an icon", lambda app: (app.folder / "icon.svg").exists()),
    Rule("bronze", "tries credentials before they are saved", lambda app: app.credentials is None or bool(app.tester)),
    Rule("silver", "has a README that says how to connect", _readme),
    Rule("silver", "says where the key is found", lambda app: app.credentials is None or bool(app.key_help)),
    Rule("silver", "declares which fields decide where requests go (address_fields)", _addressed),
    Rule("silver", "keeps the vendor's limit, or says that none is known", _limited),
    Rule("silver", "looks up a write whose answer was lost, or says what then", _sure),
    Rule("gold", "has a twin to rehearse with", lambda app: (app.folder / "twin.py").exists()),
    Rule("gold", "ships a ready-made flow", lambda app: any((app.folder / "flows").glob("*.yaml"))),
    Rule("gold", "finds what a webhook did not deliver", _fetched),
)
