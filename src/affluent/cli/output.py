"""How the command line speaks: tables for people, JSON when asked, errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from affluent.kit.jsons import JSONValue, dumps

console = Console()
errors = Console(stderr=True)

FAILED = 1
MISUSED = 2


def say_json(value: JSONValue) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(dumps(value) + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for people."""
    shown = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column, no_wrap=column == "Id")  # an id that is cut or folded cannot be copied
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(shown)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say what was wrong and stop."""
    errors.print(f"[red]affluent:[/red] {escape(message)}", highlight=False, soft_wrap=True)  # paths stay whole
    raise typer.Exit(code)
