"""The filters of Activity as they stand in the address, and as the services understand them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode

from affluent.domain.run import RunState
from affluent.kit import clock
from affluent.store.runs import RunFilter
from affluent.web.formatting import times

RANGES = {"": "Any time", "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
_HOURS = {"1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24}
_NAMES = ("flow", "connection", "state", "account", "range", "since", "until", "q", "cause")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """What was chosen; empty fields match all."""

    flow: str = ""
    connection: str = ""
    state: str = ""
    account: str = ""
    range: str = ""
    since: str = ""
    """A day, as 2026-11-24, in the zone of whoever looks."""
    until: str = ""
    """The last day that counts."""
    q: str = ""
    cause: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it matches every run."""
        return self == ActivityFilter()

    @property
    def query(self) -> str:
        """The filter as the query of an address."""
        return urlencode(self.values)

    @property
    def values(self) -> dict[str, str]:
        """The fields that are not empty, by name."""
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    def address(self, **more: str) -> str:
        """The address of the list with these filters."""
        query = urlencode({**self.values, **{name: value for name, value in more.items() if value}})
        return f"/activity?{query}" if query else "/activity"

    def without(self, name: str) -> str:
        """The address of the list without one of them."""
        return replace(self, **{name: ""}).address()

    def runs(self) -> RunFilter:
        """The same filter as services and the store take it; days are those of the zone of whoever looks."""
        hours = _HOURS.get(self.range)
        since = clock.now().replace(second=0, microsecond=0) - timedelta(hours=hours) if hours else _day(self.since)
        until = _day(self.until)
        return RunFilter(
            flow_id=self.flow,
            connection_id=self.connection,
            states=(self.state,) if self.state else (),
            account_id=self.account,
            cause=self.cause,
            text=self.q,
            since=since,
            until=until + timedelta(days=1) if until else None,
        )


def from_query(values: Mapping[str, str]) -> ActivityFilter:
    """What an address or a form says; what makes no sense is left out."""
    given = {name: values.get(name, "").strip()[:_LONGEST].replace("\x00", "") for name in _NAMES}
    if given["state"] not in tuple(RunState):
        given["state"] = ""
    if given["range"] not in RANGES:
        given["range"] = ""
    given |= {name: "" for name in ("since", "until") if _day(given[name]) is None}
    return ActivityFilter(**given)


def _day(text: str) -> datetime | None:
    """Midnight of a day, in the zone of whoever looks."""
    day = clock.day(text)
    return datetime.combine(day, time(), times.zone(times.zone_name.get()) or UTC) if day else None
