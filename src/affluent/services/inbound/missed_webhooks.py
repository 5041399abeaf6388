"""Missed webhooks: events in the vendor's list that its webhook did not deliver are fetched, and a silent webhook is reported.

Every quarter of an hour we read the vendor's list from an hour before the last reading on, however long ago that was. An event
younger than five minutes may still be delivered and is left to the next reading.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.event import EventDraft
from affluent.engine.event_drafts import draft_from
from affluent.engine.intake import Intake
from affluent.engine.plans import Bound
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.sdk import AuthFailed, Incoming, Page, Rejected, TriggerKind
from affluent.services.inbound.background_jobs import BackgroundJob, drop, go_on, keep
from affluent.services.inbound.job_targets import Target, Vendors
from affluent.store import arrivals
from affluent.store.database import Database

_EVERY = timedelta(minutes=15)
_OVERLAP = timedelta(hours=1)
_ON_ITS_WAY = timedelta(minutes=5)


class MissedWebhooks:
    """The background job of a webhook trigger whose vendor can also list its events."""

    kind = "gaps"
    on_request = False
    outlives = False

    def __init__(self, *, database: Database, vendors: Vendors, intake: Intake) -> None:
        self._database = database
        self._vendors = vendors
        self._intake = intake

    def subject(self, target: Target) -> str | None:
        """The trigger at its connection."""
        trigger = target.trigger
        is_listed = target.enabled and trigger.kind is TriggerKind.WEBHOOK and trigger.listing is not None
        return target.subject if is_listed else None

    def unneeded(self, connection: Connection, row: Row[Any]) -> None:
        """End the job: what the vendor sends while a flow connection is disabled does not count as missed."""
        drop(connection, row)

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """Begin now with another trigger or connection."""
        go_on(connection, row, values)

    async def perform(self, job: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Compare page by page until the list or the time of the slice has ended."""
        if target is None or target.trigger.listing is None:
            return
        context = self._vendors.context(target.app, bound, target.options())
        walk: JSONObject = dict(job.cursor or {})
        if "since" not in walk:
            walk |= {"since": self._since(job, walk).isoformat(), "begun": clock.now().isoformat(), "late": 0}
        while True:
            try:
                since = datetime.fromisoformat(walk["since"])
                page = await target.trigger.listing.since(context, since, walk.get("page"))
            except AuthFailed as error:  # this key may not read the list; runs can go on all the same
                raise Rejected(error.message, status=error.status) from error
            if page.more and page.cursor == walk.get("page"):
                raise ValueError("the list says there is more but stays where it is")
            walk = await self._compare(job, target, page, walk)
            if "page" not in walk or not job.has_time:
                return

    async def _compare(self, job: BackgroundJob, target: Target, page: Page, walk: JSONObject) -> JSONObject:
        """Accept the events of a page that are missing, in one transaction with the cursor. Returns the next cursor."""
        limit = clock.now() - _ON_ITS_WAY
        drafts = [self._draft(target, item) for item in page.items if (item.occurred_at or clock.now()) < limit]
        listing = target.trigger.listing
        begin = datetime.fromisoformat(walk["since"]) - _OVERLAP
        titled_since = begin if listing is not None and listing.by == "title" else None

        def unit(connection: Connection) -> JSONObject:
            held = arrivals.are_stored(connection, drafts, titled_since=titled_since)
            missing = [draft for draft, is_held in zip(drafts, held, strict=True) if not is_held]
            late = [draft for draft, answer in zip(missing, self._accept(connection, missing), strict=True) if answer]
            times = [draft.occurred_at.isoformat() for draft in late]
            following: JSONObject = {**walk, "late": walk["late"] + len(late), "page": page.cursor}
            if times:
                following["missed_at"] = min([*times, *filter(None, [walk.get("missed_at")])])
            if page.more:
                due = {} if job.has_time else {"due_at": clock.now()}
                keep(connection, job, cursor=following, items=job.items + following["late"], **due)
                return following
            return self._end(connection, job, target, following)

        return await self._database.write(unit)

    def _accept(self, connection: Connection, drafts: list[EventDraft]) -> list[bool]:
        return [accepted.is_new for accepted in self._intake.accept(connection, drafts)] if drafts else []

    @staticmethod
    def _end(connection: Connection, job: BackgroundJob, target: Target, walk: JSONObject) -> JSONObject:
        """The list has ended: say how many were missing, and whether the webhook has delivered anything since."""
        last = arrivals.last_delivery(connection, target.source, target.id)
        silent = walk.get("missed_at") or walk.get("silent_since")
        is_silent = silent is not None and (last is None or last < datetime.fromisoformat(silent))
        note = ""
        if is_silent:
            heard = f"the last one came at {last:%Y-%m-%d %H:%M} UTC" if last else "none has come yet"
            note = (
                f"The webhook of {target.name!r} is silent: {target.app.title} has events that it did not deliver ({heard})."
                f" They are fetched instead, up to 20 minutes late. Look at the webhook in {target.app.title}."
            )
        late = walk["late"]
        sentence = note or (f"{late} not delivered, fetched instead." if late else "Everything was delivered.")
        rest: JSONObject = {"walked": walk["begun"], **({"silent_since": silent} if is_silent else {})}
        keep(
            connection, job, phase="live", cursor=rest, items=job.items + late, note=note, sentence=sentence,
            due_at=clock.now() + _EVERY,
        )  # fmt: skip
        return rest

    @staticmethod
    def _draft(target: Target, item: Incoming) -> EventDraft:
        return draft_from(
            target.trigger,
            app=target.app.key,
            source=target.source,
            external_id=item.external_id,
            payload=item.payload,
            occurred_at=item.occurred_at or clock.now(),
            only_flow_connection=target.id if target.source == target.id else "",
        )

    @staticmethod
    def _since(job: BackgroundJob, walk: JSONObject) -> datetime:
        walked = walk.get("walked")
        return max(job.created_at, datetime.fromisoformat(walked) - _OVERLAP) if walked else job.created_at
