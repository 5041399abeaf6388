"""Times as people read them: how long ago, and on hover when exactly, in the zone of the person who looks."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from markupsafe import Markup

from affluent.kit import clock

UTC_NAME = "UTC"
zone_name: ContextVar[str] = ContextVar("zone_name", default=UTC_NAME)
"""The zone of whoever this page is rendered for; set by PageRequest.render."""

_TAG = Markup('<time datetime="{iso}" title="{title}"{kind}>{text}</time>')
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (30 * 86_400, 86_400, "d"))


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo | None:
    """The zone of a name such as Asia/Kolkata; None when there is none."""
    return clock.zone(name)


def local(at: datetime) -> datetime:
    """The instant on the clock of whoever looks."""
    own_zone = zone(zone_name.get())
    return at.astimezone(own_zone) if own_zone else at


def exactly(at: datetime) -> str:
    """As 24 Nov 2026, 14:02:11 UTC."""
    shown = local(at)
    return f"{shown.day} {shown:%b %Y, %H:%M:%S} {shown.tzname() or UTC_NAME}"


def on_clock(at: datetime) -> str:
    """As 14:02:11."""
    return f"{local(at):%H:%M:%S}"


def on_day(at: datetime) -> str:
    """As 24 Nov 2026."""
    shown = local(at)
    return f"{shown.day} {shown:%b %Y}"


def relative(at: datetime, now: datetime | None = None) -> str:
    """12 min ago, in 3 h, now; a date when it is more than 30 days away."""
    seconds = int(((now or clock.now()) - at).total_seconds())
    away = abs(seconds)
    if away < 1:
        return "now"
    for below, size, unit in _STEPS:
        if away < below:
            return f"{away // size} {unit} ago" if seconds > 0 else f"in {away // size} {unit}"
    return on_day(at)


def ago(at: datetime | None, *, missing: str = "never") -> str:
    """A time element: relative, refreshed by the page's script, absolute on hover."""
    if at is None:
        return missing
    return _TAG.format(iso=at.isoformat(), title=exactly(at), kind=Markup(" data-ago"), text=relative(at))


def moment(at: datetime | None, *, missing: str = "—") -> str:
    """A time element with the absolute time."""
    if at is None:
        return missing
    return _TAG.format(iso=at.isoformat(), title=relative(at), kind="", text=exactly(at))


def lasted(milliseconds: float) -> str:
    """12 ms, 1.4 s, 3 min 5 s, 2 h 10 min."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    whole = timedelta(milliseconds=milliseconds)
    if whole < timedelta(minutes=1):
        return f"{whole.total_seconds():.1f} s"
    minutes, seconds = divmod(int(whole.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
