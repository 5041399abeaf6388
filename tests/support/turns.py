"""Turns of the processes of one test run: tests run side by side, and one that needs the machine to itself has it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait until the test may run: with others that do not mind, or when all others have ended.

    While one waits to be alone, nobody else begins.
    """
    with (folder / "entrance").open("w") as entrance, (folder / "machine").open("w") as machine:
        fcntl.flock(entrance, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(entrance, fcntl.LOCK_UN)
        yield
