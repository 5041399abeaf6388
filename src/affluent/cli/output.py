"""How the command line speaks: tables for people, JSON when asked, errors on standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from affluent.kit.jsons import JSONValue, dumps

_DRAWING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Plain(Console):
    """A console on which no text from outside can draw: a vendor's answer may hold what moves the cursor or hides a line."""

    @override
    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(_DRAWING.sub("\N{REPLACEMENT CHARACTER}", text), **options)


console = _Plain()
errors = _Plain(stderr=True)

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


def say_error(message: str) -> None:
    """Say what was wrong."""
    errors.print(f"[red]affluent:[/red] {escape(message)}", highlight=False, soft_wrap=True)  # paths stay whole


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say what was wrong and stop."""
    say_error(message)
    raise typer.Exit(code)
