"""Named points at which a test may kill this process: `AFFLUENT_CRASH_AT=commit.before:17` dies at the seventeenth pass.

In production nothing is armed and a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "commit.before",
    "commit.after",
    "call.before",
    "call.after",
    "journal.before",
    "journal.after",
    "accept.before",
    "accept.after",
)

_name = ""
_left = 0


def arm(text: str) -> None:
    """Arm a point: its name, and after a colon at which pass to die (default: the first)."""
    global _name, _left
    name, _, count = text.partition(":")
    if name and name not in POINTS:
        raise ValueError(f"there is no crash point {name!r}; there are: {', '.join(POINTS)}")
    _name, _left = name, int(count or "1")


def point(name: str) -> None:
    """Die here, as by kill -9, when this point is armed and its time has come."""
    global _left  # noqa: PLW0603 - one process dies once
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("AFFLUENT_CRASH_AT", ""))
