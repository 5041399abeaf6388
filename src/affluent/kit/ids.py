"""Prefixed ids that sort by the time they were made: `run_01KB9T7Q…`."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -10, -10)
_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """A new id: prefix, underscore, 26 characters of Crockford base 32 (48 bits of milliseconds, 80 random).

    Ids made by one process are strictly increasing, also within a millisecond and when the clock steps back.
    """
    global _last  # noqa: PLW0603 - the last id of this process keeps the order
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    with _lock:
        if value >> 80 <= _last >> 80:
            value = _last + 1 + int.from_bytes(os.urandom(4), "big")
        _last = value
    return f"{prefix}_{_encode(value)}"


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def first_id(prefix: str, at: datetime) -> str:
    """The smallest id that could have been made at a moment: ids from it on are younger."""
    milliseconds = min(max(int(at.timestamp() * 1000), 0), (1 << 48) - 1)
    return f"{prefix}_{_encode(milliseconds << 80)}"
