"""Cron lines in a time zone: the moment that follows, and the last one that was due.

A line is read on the wall clock of its zone. A time that the change to summer time leaves out comes as much later as the
clock was put forward; a time that occurs twice in autumn comes the first time, unless the line names every hour or every
few hours: such a line comes both times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped]  # ships no types

LONGEST = 200
"""Characters of a line."""
_NEAR = timedelta(hours=3)
_MANY = 400
"""More moments than a line can have within twice the time above."""


def following(line: str, timezone: str, after: datetime) -> datetime | None:
    """The first moment after `after`, in UTC; None when there is none, as for 31 February. Raises ValueError on a bad line."""
    if len(line) > LONGEST:
        raise ValueError(f"a cron line has at most {LONGEST} characters")
    zone = ZoneInfo(timezone)
    wall = after.astimezone(zone).replace(tzinfo=None)
    first = next(_walls(line, wall), None)
    if first is None:
        return None
    calm = _offset(wall - _NEAR, zone) == _offset(wall + _NEAR, zone)
    if calm and _offset(first - _NEAR, zone) == _offset(first + _NEAR, zone):
        return first.replace(tzinfo=zone).astimezone(UTC)
    both = line.split()[1].startswith("*")
    until = max(first, wall) + _NEAR
    moments: list[datetime] = []
    for candidate in islice(_walls(line, wall - _NEAR), _MANY):
        moments += [moment for moment in _moments(candidate, zone, both=both) if moment > after]
        if candidate > until and moments:
            break
    return min(moments, default=None)


def last(line: str, timezone: str, first: datetime, now: datetime) -> datetime:
    """The last moment of the line that is not after `now`, beginning with `first`, which is one."""
    span = timedelta(days=400)
    # Halve the way to the present until the last moment is left: a minute's line that stood for months is found at once.
    while span > timedelta(seconds=30):
        later = following(line, timezone, now - span)
        if later is not None and first < later <= now:
            first = later
        span /= 2
    while (later := following(line, timezone, first)) is not None and later <= now:
        first = later
    return first


def _walls(line: str, after: datetime) -> Iterator[datetime]:
    try:
        moments = croniter(line, after, ret_type=datetime)
        while True:
            yield moments.get_next(datetime)
    except CroniterBadDateError:
        return


def _moments(wall: datetime, zone: ZoneInfo, *, both: bool) -> Iterator[datetime]:
    for fold in (0, 1) if both else (0,):
        yield wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta | None:
    return wall.replace(tzinfo=zone).utcoffset()
