"""What workers do for a flow connection by themselves, in a line of words each: what, how it stands, when next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from affluent.bootstrap import Hub
from affluent.services.inbound.background_jobs import BackgroundJobView
from affluent.services.inbound.polls import Offer

_TITLES = {
    "poll": ("Polling", "refresh-ccw"),
    "backfill": ("Backfill", "download"),
    "schedule": ("Schedule", "calendar-clock"),
    "gaps": ("Missed webhooks", "search"),
    "registration": ("Webhook at the vendor", "webhook"),
}
_RESUMES = "It goes on from the last page, also after a restart."
_PAGES = ("new", "baseline", "everything")
"""Phases of a walk that has not come to its end yet."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJobLine:
    """One duty."""

    kind: str
    title: str
    icon: str
    tone: str
    """bad, warn, busy or empty."""
    text: str
    last: datetime | None
    """When it last went well."""
    next: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The duties of one flow connection, and what may be chosen about them."""

    lines: tuple[BackgroundJobLine, ...] = ()
    offer: Offer = field(default_factory=Offer)

    @property
    def is_moving(self) -> bool:
        """Whether a look in a few seconds shows something else."""
        return any(line.tone == "busy" for line in self.lines)


async def standings(hub: Hub, links: Iterable[str]) -> Mapping[str, Standing]:
    """By flow connection."""
    ids = list(links)
    if not ids:
        return {}
    offers, jobs_by_link = await asyncio.gather(hub.polls.offers(ids), hub.background_jobs.of(ids))
    return {
        link_id: Standing(lines=tuple(_line(duty, offers[link_id]) for duty in duties), offer=offers[link_id])
        for link_id, duties in jobs_by_link.items()
    }


def _line(duty: BackgroundJobView, offer: Offer) -> BackgroundJobLine:
    title, icon = _TITLES.get(duty.kind, (duty.kind.capitalize(), "clock"))
    return BackgroundJobLine(
        kind=duty.kind,
        title=title,
        icon=icon,
        tone=_tone(duty),
        text=_text(duty, offer),
        last=duty.succeeded_at,
        next=duty.due_at if duty.kind != "backfill" or duty.failures else None,
    )


def _tone(duty: BackgroundJobView) -> str:
    if duty.failures or duty.phase == "failed":
        return "bad"
    if duty.phase == "manual" or "silent" in duty.sentence:
        return "warn"
    return "busy" if duty.kind in ("poll", "backfill") and duty.phase in _PAGES and duty.due_at else ""


def _text(duty: BackgroundJobView, offer: Offer) -> str:
    if duty.failures:
        times = "once" if duty.failures == 1 else f"{duty.failures} times in a row"
        return f"Failed {times}: {duty.sentence}"
    if duty.kind == "poll" and offer.poll is not None:
        begin = "from now on" if offer.poll.start == "now" else "everything from the beginning"
        sentence = duty.sentence or "The first poll is about to begin."
        return f"Every {every(offer.poll.every_seconds)}, {begin}. {sentence}"
    if duty.kind == "backfill":
        sentence = duty.sentence or "About to begin."
        return sentence if duty.phase == "done" else f"{sentence} {_RESUMES}"
    return duty.sentence


def every(seconds: int) -> str:
    """An interval in words."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if seconds == size else f"{seconds // size} {unit}s"
