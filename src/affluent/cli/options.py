"""What many commands take: where the data is, JSON instead of a table; and the settings that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from affluent.cli.output import MISUSED, fail
from affluent.settings import BadSettings, Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the key file.")]
Config = Annotated[Path | None, typer.Option(help="Configuration file (TOML); default: AFFLUENT_CONFIG.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="postgresql://user@host/name; empty: SQLite in the data folder.")]


def settings_with(**options: Any) -> Settings:  # noqa: ANN401 - each option has the type of its setting
    """The settings, with the options that were given on the command line; ends the command when one makes no sense."""
    try:
        return Settings(**{key: value for key, value in options.items() if value is not None})
    except BadSettings as error:
        fail(str(error), MISUSED)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        fail(f"setting {name} (AFFLUENT_{name.upper()}): {first['msg']}", MISUSED)
