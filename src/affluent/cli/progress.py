"""A bar on a terminal for work that takes long; nothing at all when standard error is piped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from affluent.cli.output import errors

Tell = Callable[[int, int], None]
"""(done, in all); in all is 0 while nobody knows."""


@contextmanager
def progress(what: str, *, unit: str = "") -> Iterator[Tell]:
    """Show how far it is, in `unit` ("runs") or without counting when it has none, until the context ends."""
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn()]
    counted = [MofNCompleteColumn(), TextColumn(unit)] if unit else []
    bar = Progress(
        *columns, *counted, TimeElapsedColumn(), console=errors, transient=True, disable=not errors.is_terminal
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
