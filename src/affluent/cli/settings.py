"""`affluent settings`: every setting with its value, where that came from, and what it is for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from affluent.cli.options import AsJson, Config, settings_with
from affluent.cli.output import say_json, table
from affluent.settings import SecretFiles, Settings, configured

_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^@]*@")


def settings(
    markdown: Annotated[bool, typer.Option(help="As the table of the documentation.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Every setting: its value here, where that came from, and what it is for."""
    if markdown:
        typer.echo(reference(), nl=False)
        return
    known = settings_with(config=config)
    in_file = configured(known.config) if known.config else {}
    rows = [
        {
            "setting": name,
            "variable": variable(name),
            "value": shown(getattr(known, name)),
            "from": "option"
            if name == "config" and config
            else source(name, known.config if name in in_file else None),
            "help": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        say_json(rows)
        return
    table("Settings", ["Variable", "Value", "From", "Help"], [list(row.values())[1:] for row in rows])


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"AFFLUENT_{name.upper()}"


def source(name: str, config: Path | None = None) -> str:
    """Where a setting's value comes from; `config` is the configuration file that names it, too."""
    if os.environ.get(variable(name)) is not None:
        return "variable"
    has_file = name in SecretFiles.NAMES and os.environ.get(f"{variable(name)}_FILE")
    if has_file:
        return f"file {os.environ[f'{variable(name)}_FILE']}"
    return f"config {config}" if config else "default"


def shown(value: Any) -> str:  # noqa: ANN401 - a setting of any type
    """A value for people: no secret, no password of a URL."""
    if isinstance(value, SecretStr):
        return "set, not shown" if value.get_secret_value() else ""
    return _PASSWORD.sub(r"\1:••••@", "" if value is None else str(value))


def reference() -> str:
    """The settings as the page of the documentation lists them."""
    lines = ["| Variable | In the file | Default | What it is |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "the user's data folder" if name == "data_dir" else shown(field.get_default())
        also = f" Also `{variable(name)}_FILE`: a file with the value." if name in SecretFiles.NAMES else ""
        key = "" if name == "config" else f"`{name}`"
        told = f"`{default}`" if default else "empty"
        lines.append(f"| `{variable(name)}` | {key} | {told} | {field.description}{also} |")
    return "\n".join(lines) + "\n"
