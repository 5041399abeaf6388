"""`affluent settings`: every setting with its value, where that came from, and what it is for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from affluent.cli.options import AsJson, Config, settings_with
from affluent.cli.output import errors, say_json, table
from affluent.services.operations.server_settings import CHANGEABLE
from affluent.settings import SecretFiles, Settings, configured
from affluent.store import server_settings as options
from affluent.store.database import StoreUnavailable
from affluent.store.open import open_database

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
    here = uvloop.run(_changed_here(known))
    in_file = configured(known.config) if known.config else {}
    rows = [
        {
            "setting": name,
            "variable": variable(name),
            "value": here[name] if name in here else shown(getattr(known, name)),
            "from": "option"
            if name == "config" and config
            else "Admin Center"
            if name in here
            else source(name, known.config if name in in_file else None),
            "help": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        say_json(rows)
        return
    table("Settings", ["Variable", "Value", "From", "Help"], [list(row.values())[1:] for row in rows])


async def _changed_here(known: Settings) -> dict[str, str]:
    """What was changed in the Admin Center and holds, by setting."""
    file = known.sqlite_path() if not known.database_url else Path(known.database_url.removeprefix("sqlite:///"))
    if not known.database_url.startswith("postgres") and not file.exists():
        return {}
    database = open_database(known.database_url, known.sqlite_path())
    try:
        await database.open()
        rows = await database.read(options.all_options)
    except (StoreUnavailable, SQLAlchemyError, OSError):
        errors.print("The database cannot be read, so what was changed in the Admin Center is not shown.")
        return {}
    finally:
        await database.close()
    return {
        name: "set, not shown" if row.secret is not None else str(row.value)
        for name, row in rows.items()
        if name in CHANGEABLE and name not in known.model_fields_set
    }


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
        default_text = f"`{default}`" if default else "empty"
        lines.append(f"| `{variable(name)}` | {key} | {default_text} | {field.description}{also} |")
    return "\n".join(lines) + "\n"
