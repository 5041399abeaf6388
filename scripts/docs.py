"""Writes the pages that are made from the code: settings, commands, API, errors, apps; and copies what lives at the top.

`python -m scripts.docs` writes them, `--check` only says which are out of date.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import typer
from typer.main import get_command

from affluent.api.togai import directory, money, plans
from affluent.api.v1 import api
from affluent.bootstrap import build
from affluent.catalog import load
from affluent.cli.flows_files import pretty_schema
from affluent.cli.main import app as command_line
from affluent.cli.settings import reference
from affluent.kit.jsons import JSONObject
from affluent.sdk import FOREVER, Action, App, Effect, errors
from affluent.services import errors as service_errors
from affluent.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_HTTP = ("get", "post", "put", "patch", "delete")
_NOTE = "<!-- Made from the code by `make docs`; change it there. -->\n\n"


def pages() -> dict[str, str]:
    """Path below docs/ → text, of every page that is made."""
    made = {
        "reference/settings.md": f"{_NOTE}# Settings\n\n{_SETTINGS}\n\n{reference()}",
        "reference/commands.md": f"{_NOTE}# Commands\n\n{_COMMANDS}\n\n{''.join(_commands())}",
        "reference/api.md": f"{_NOTE}# REST API\n\n{_API}\n\n{''.join(_api())}",
        "reference/errors.md": f"{_NOTE}# Errors\n\n{''.join(_errors())}",
        "flow-file.schema.json": pretty_schema(),
        "decisions/index.md": f"{_NOTE}# Decisions\n\n{''.join(_decisions())}",
        "changelog.md": _from_top("CHANGELOG.md"),
        "contributing.md": _from_top("CONTRIBUTING.md"),
    }
    apps = [app for app in load().apps.values() if not app.hidden]
    made["apps/index.md"] = f"{_NOTE}# Apps\n\n" + "".join(
        f"- [{app.title}]({app.key}.md): {app.description} {len(app.triggers)} triggers, {len(app.actions)} actions.\n"
        for app in apps
    )
    return made | {f"apps/{app.key}.md": f"{_NOTE}{''.join(_app(app))}" for app in apps}


def _commands() -> Iterator[str]:
    root = get_command(command_line)
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]  # a group has commands
        if hasattr(command, "commands"):
            yield f"## affluent {name}\n\n{command.help}\n\n"
            for inner, one in sorted(command.commands.items()):
                yield from _command(f"affluent {name} {inner}", one, "###")
        else:
            yield from _command(f"affluent {name}", command, "##")


def _command(name: str, command: typer.core.TyperCommand, level: str) -> Iterator[str]:
    yield f"{level} {name}\n\n{(command.help or '').strip()}\n\n"
    rows = [_parameter(one) for one in command.params if one.name != "help"]
    if rows:
        yield "| Takes | What it is |\n|---|---|\n" + "".join(rows) + "\n"


def _parameter(one: typer.core.TyperArgument | typer.core.TyperOption) -> str:
    is_option = one.param_type_name == "option"
    names = [*one.opts, *one.secondary_opts] if is_option else [(one.name or "").upper()]
    text = " ".join((getattr(one, "help", "") or "").split())
    return f"| {', '.join(f'`{name}`' for name in names)} | {text.replace('|', chr(92) + '|')} |\n"


def _api() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        hub = build(Settings(data_dir=Path(folder), database_url=""), own_url="http://127.0.0.1:8080")
        described: JSONObject = api(hub).openapi()
        dialect = [rule for part in (directory, plans, money) for rule in part.rules(hub.billing)]
    by_tag: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method in _HTTP:
            if method in methods:
                one = methods[method]
                tag = (one.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(
                    f"| `{method.upper()}` | `/api/v1{path}` | {one.get('summary', '')} |\n"
                )
    for tag, rows in by_tag.items():
        yield f"## {tag.capitalize()}\n\n| | Path | What it does |\n|---|---|---|\n{''.join(rows)}\n"
    yield f"## The billing workspace\n\n{_DIALECT}\n\n| | Path | Scope |\n|---|---|---|\n"
    yield "| `POST` | `/togai/authenticate` | any |\n"
    yield from (f"| `{rule.method}` | `/togai{rule.path}` | `{rule.scope}` |\n" for rule in dialect)


def _errors() -> Iterator[str]:
    yield "What the API and the command line refuse, by code; the message names the field and what to do.\n\n"
    yield "| Code | HTTP | When |\n|---|---|---|\n"
    for kind in _kinds(service_errors):
        yield f"| `{kind.code}` | {kind.status} | {kind.__doc__} |\n"
    yield "\n## What may become of a call to a vendor\n\nEvery error of an app says what happens next.\n\n"
    yield "| Code | Error | What it means |\n|---|---|---|\n"
    for kind in _kinds(errors):
        yield f"| `{kind.code}` | {kind.__name__} | {' '.join((kind.__doc__ or '').split())} |\n"


def _kinds(module: object) -> list[type]:
    found = [one for one in vars(module).values() if isinstance(one, type) and hasattr(one, "code")]
    return [one for one in found if one.__module__ == module.__name__]  # type: ignore[attr-defined]  # a module has a name


def _app(app: App) -> Iterator[str]:
    readme = (app.folder / "README.md").read_text()
    yield readme.rstrip() + "\n"
    if app.triggers:
        yield "\n## All triggers\n\n| Key | Trigger | Starts when |\n|---|---|---|\n"
        yield from (f"| `{one.key}` | {one.title} | {_line(one.description)} |\n" for one in app.triggers.values())
    if app.actions:
        yield "\n## All actions\n\n| Key | Action | Effect | Does |\n|---|---|---|---|\n"
        yield from (
            f"| `{one.key}` | {one.title} | {_effect(one)} | {_line(one.description)} |\n"
            for one in app.actions.values()
        )


def _effect(action: Action) -> str:
    """The kind of effect, and of an idempotent write how long its key lasts."""
    kind, lasts = action.effect.value.replace("_", " "), action.key_lasts
    if action.effect is not Effect.IDEMPOTENT_WRITE:
        return kind
    if not isinstance(lasts, timedelta):
        return f"{kind}, its key lasts as the step says"
    return f"{kind}, for ever" if lasts == FOREVER else f"{kind}, its key lasts {lasts / timedelta(hours=1):g} hours"


def _line(text: str) -> str:
    return text.splitlines()[0].replace("|", "\\|") if text else ""


def _decisions() -> Iterator[str]:
    for file in sorted((DOCS / "decisions").glob("0*.md")):
        title = file.read_text().splitlines()[0].lstrip("# ")
        yield f"- [{title}]({file.name})\n"


def _from_top(name: str) -> str:
    """A page of the top folder, with links that work from docs/."""
    text = (ROOT / name).read_text()
    text = re.sub(r"\]\(docs/decisions/\)", "](decisions/index.md)", text)
    return _NOTE + re.sub(r"\]\(docs/", "](", text)


def main() -> int:
    """Write what is out of date; with --check only name it."""
    made = pages()
    stale = [path for path, text in made.items() if not (DOCS / path).exists() or (DOCS / path).read_text() != text]
    for path in stale:
        sys.stdout.write(f"{path}\n")
        if "--check" not in sys.argv:
            (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
            (DOCS / path).write_text(made[path])
    return 1 if stale and "--check" in sys.argv else 0


_SETTINGS = """\
Every setting has a working default. A value is taken from the command line's option, else from the variable, else from the
file named by `<variable>_FILE`, else from the configuration file (TOML) that `--config` or `AFFLUENT_CONFIG` names. `affluent
settings` shows what holds here and where each value comes from; [how to write the file](../operations/install.md#settings)."""
_COMMANDS = """\
Every list and every single thing speaks JSON with `--json`. Tables lose their colours when they are piped or `NO_COLOR` is set.
`affluent --install-completion` completes commands in your shell.

Exit codes: **0** done; **1** refused, not found, or a check that failed, with a sentence on standard error; **2** misused: an
option, an argument or a setting makes no sense."""
_API = """\
Everything in the interface can be done over the API. Send an API token as `Authorization: Bearer …`; it needs the scope that
the answer names when it is missing. The description for programs is at `/api/v1/openapi.json` of every server. Lists answer
`items` and `next`; give `next` back as `after`. Errors are problem documents ([codes](errors.md))."""
_DIALECT = """\
Customers, accounts, settings, price plans, invoices, payments and credits are reached in Togai's own REST dialect, so that what
speaks to Togai speaks to this server: set its base URL to `<this server>/togai` and give it an API token of this server.
[Your first sale](../first-sale.md) makes some of these calls."""

if __name__ == "__main__":
    raise SystemExit(main())
