"""The one place that reads the system clock."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_ZONE = 64
_MICROSECOND = timedelta(microseconds=1)
_FIRST = datetime(2, 1, 1, tzinfo=UTC)
_LAST = datetime(9998, 12, 31, tzinfo=UTC)
_offset = timedelta(seconds=float(os.environ.get("AFFLUENT_CLOCK_OFFSET_SECONDS", "0")))


def now() -> datetime:
    """Aware UTC time. `AFFLUENT_CLOCK_OFFSET_SECONDS` shifts it, so that tests can start a process in another hour."""
    return datetime.now(UTC) + _offset if _offset else datetime.now(UTC)


def shift(by: timedelta) -> None:
    """Move this process's clock, as an operator or NTP would; for fault tests."""
    global _offset  # noqa: PLW0603 - one process, one clock
    _offset += by


def to_micros(at: datetime) -> int:
    """Microseconds since 1970, the form in which the store keeps every instant. A time without a zone is taken as UTC."""
    return (_aware(at) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of a stored instant. Never raises: what no calendar has is shown as the nearest year it has.

    The first and the last year are left out, so that a zone can be applied and a day added without leaving the calendar.
    """
    try:
        return min(max(_EPOCH + timedelta(microseconds=micros), _FIRST), _LAST)
    except OverflowError:
        return _FIRST if micros < 0 else _LAST
    except (TypeError, ValueError):  # a database file holds whatever was written into it
        return _FIRST


def plausible(at: datetime | None) -> datetime | None:
    """A time that somebody else says, in UTC; None when it lies outside the years 1970 to 2199.

    Other software writes "no time" as the year 1 and "for ever" as the year 9999, each with an offset.
    """
    if at is None or not EARLIEST <= _aware(at) < LATEST:
        return None
    return _aware(at).astimezone(UTC)


def from_text(value: object) -> datetime | None:
    """The plausible time that an ISO 8601 text says, a text without a zone in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return plausible(datetime.fromisoformat(value))
    except ValueError:
        return None


def from_seconds(value: object) -> datetime | None:
    """The plausible time that a number says, in seconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return plausible(_EPOCH + timedelta(seconds=value))
    except (OverflowError, ValueError):  # ValueError: not a number
        return None


def zone(name: str) -> ZoneInfo | None:
    """The time zone of a name such as Asia/Kolkata; None when there is none."""
    try:
        return ZoneInfo(name) if name and len(name) <= _LONGEST_ZONE else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, no name at all, or the name of a folder
        return None


def day(text: str) -> date | None:
    """The day of a text such as 2026-11-24, from 1970 to 2199, so that a zone and a day more stay in the calendar; else None."""
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        return None
    return parsed if EARLIEST.date() <= parsed < LATEST.date() else None


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
