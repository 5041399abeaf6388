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
    """One background job of a flow connection, in words."""

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
    """The background jobs of one flow connection, and what may be chosen about them."""

    lines: tuple[BackgroundJobLine, ...] = ()
    offer: Offer = field(default_factory=Offer)

    @property
    def is_moving(self) -> bool:
        """Whether a look in a few seconds shows something else."""
        return any(line.tone == "busy" for line in self.lines)


async def standings(hub: Hub, links: Iterable[str]) -> Mapping[str, Standing]:
    """The background jobs of each of these flow connections, by its id."""
    ids = list(links)
    if not ids:
        return {}
    offers, jobs_by_link = await asyncio.gather(hub.polls.offers(ids), hub.background_jobs.of(ids))
    return {
        link_id: Standing(lines=tuple(_line(job, offers[link_id]) for job in jobs), offer=offers[link_id])
        for link_id, jobs in jobs_by_link.items()
    }


def _line(job: BackgroundJobView, offer: Offer) -> BackgroundJobLine:
    title, icon = _TITLES.get(job.kind, (job.kind.capitalize(), "clock"))
    return BackgroundJobLine(
        kind=job.kind,
        title=title,
        icon=icon,
        tone=_tone(job),
        text=_text(job, offer),
        last=job.succeeded_at,
        next=job.due_at if job.kind != "backfill" or job.failures else None,
    )


def _tone(job: BackgroundJobView) -> str:
    if job.failures or job.phase == "failed":
        return "bad"
    if job.phase == "manual" or "silent" in job.sentence:
        return "warn"
    return "busy" if job.kind in ("poll", "backfill") and job.phase in _PAGES and job.due_at else ""


def _text(job: BackgroundJobView, offer: Offer) -> str:
    if job.failures:
        times = "once" if job.failures == 1 else f"{job.failures} times in a row"
        return f"Failed {times}: {job.sentence}"
    if job.kind == "poll" and offer.poll is not None:
        begin = "from now on" if offer.poll.start == "now" else "everything from the beginning"
        sentence = job.sentence or "The first poll is about to begin."
        return f"Every {every(offer.poll.every_seconds)}, {begin}. {sentence}"
    if job.kind == "backfill":
        sentence = job.sentence or "About to begin."
        return sentence if job.phase == "done" else f"{sentence} {_RESUMES}"
    return job.sentence


def every(seconds: int) -> str:
    """An interval in words, without the "every": "5 minutes", "hour"."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if seconds == size else f"{seconds // size} {unit}s"
