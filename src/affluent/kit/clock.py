"""The one place that reads the system clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

_offset = timedelta(seconds=float(os.environ.get("AFFLUENT_CLOCK_OFFSET_SECONDS", "0")))


def now() -> datetime:
    """Aware UTC time. `AFFLUENT_CLOCK_OFFSET_SECONDS` shifts it, so that tests can start a process in another hour."""
    return datetime.now(UTC) + _offset if _offset else datetime.now(UTC)


def shift(by: timedelta) -> None:
    """Move this process's clock, as an operator or NTP would; for fault tests."""
    global _offset  # noqa: PLW0603 - one process, one clock
    _offset += by


def to_micros(at: datetime) -> int:
    """Microseconds since 1970, the form in which the store keeps every instant."""
    return int(at.timestamp() * 1_000_000)


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of a stored instant."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
