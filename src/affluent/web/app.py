"""What all pages share: the services, the templates, the live views, and what the navigation counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONValue
from affluent.sdk import App
from affluent.web import navigation
from affluent.web.assets import assets
from affluent.web.formatting import browsers, phrases, times
from affluent.web.formatting import json_text as jsonview
from affluent.web.formatting import money as moneys
from affluent.web.live import Live

HERE = Path(__file__).parent
TEMPLATES = (HERE / "templates", *sorted(HERE.glob("*/templates")))
"""Shared templates first, then each subject's own."""
_COUNTS_FRESH_SECONDS = 2.0
_ATTENTION = ("failed", "unknown", "paused")


@dataclass(slots=True)
class _Counts:
    attention: int = 0
    read_at: float = 0.0


class WebApp:
    """What every page shares."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.live = Live()
        self.templates = environment()
        self.templates.globals["app_of"] = self._app_of
        self._counts = _Counts()

    async def counts(self) -> _Counts:
        """How many runs need attention, at most two seconds old."""
        if monotonic() - self._counts.read_at > _COUNTS_FRESH_SECONDS:
            runs_by_state = await self.hub.runs.counts()
            self._counts = _Counts(sum(runs_by_state.get(state, 0) for state in _ATTENTION), monotonic())
        return self._counts

    def _app_of(self, key: str) -> App | None:
        """The app of a key; None for one that is not installed."""
        return self.hub.catalog.apps.get(key)


def environment() -> Environment:
    """The Jinja environment with the functions and constants that templates may use."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    pretty: Callable[[JSONValue], str] = jsonview.pretty
    templates.globals |= {
        "asset": assets().url,
        "ago": times.ago,
        "browser_of": browsers.called,
        "clock_of": times.on_clock,
        "moment": times.moment,
        "lasted": times.lasted,
        "label_of": phrases.title,
        "money": moneys.shown,
        "money_of": moneys.read,
        "pretty": pretty,
        "nav": navigation.MAIN,
        "nav_admin": navigation.ADMIN,
        "plural": _plural,
    }
    return templates


def _plural(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
