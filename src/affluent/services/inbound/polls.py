"""Polls: the items that a vendor lists become events, each once, in one transaction with the cursor after them.

A poll begins "from now" (items that exist already are remembered and start no run) or with "everything" (at a lower priority than
live events), and then never ends. A backfill reads everything once, for a flow whose trigger is not a poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.domain.event import WORKSPACE, EventDraft, Priority
from affluent.engine.event_drafts import draft_from
from affluent.engine.intake import Intake
from affluent.engine.plans import Bound
from affluent.kit import clock
from affluent.kit.jsons import JSONValue
from affluent.kit.logs import logger
from affluent.sdk import Context, Incoming, Page, PollOptions, SyncedRecord, TriggerKind
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.inbound.background_jobs import BackgroundJob, go_on, keep, memory_of, rest
from affluent.services.inbound.job_targets import Target, Vendors
from affluent.store import background_jobs as store
from affluent.store import directory_sync
from affluent.store.configuration_lock import alone
from affluent.store.database import Database

_log = logger("polls")
POLL, BACKFILL = "poll", "backfill"
_LARGEST_PAGE = 10_000


class Walks:
    """The background job of a poll or of a backfill: read the vendor's list page by page."""

    outlives = False

    def __init__(self, kind: str, *, database: Database, vendors: Vendors, intake: Intake) -> None:
        self.kind = kind
        self.on_request = kind == BACKFILL
        self._database = database
        self._vendors = vendors
        self._intake = intake

    def subject(self, target: Target) -> str | None:
        """The trigger at its connection."""
        can = _is_polled(target) if self.kind == POLL else _can_backfill(target)
        return target.subject if can and target.enabled else None

    def unneeded(self, connection: Connection, row: Row[Any]) -> None:
        """Keep the cursor, so that no item is lost when the job goes on."""
        rest(connection, row)

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """Go on. With a new subject a poll starts over, and a backfill waits until somebody asks for it."""
        if row.subject != values["subject"] and self.kind == BACKFILL:
            store.change(connection, row.flow_connection_id, row.kind, {**values, "phase": "done", "due_at": None})
            return
        if row.subject != values["subject"]:
            store.forget(connection, memory_of(row))
        go_on(connection, row, values)

    async def perform(self, job: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Read page by page until the list or the time of the slice has ended."""
        if target is None or target.trigger.poll is None:
            return
        poll, options = target.trigger.poll, options_of(job, target)
        is_first = job.phase in ("new", "everything")
        priority = Priority.BACKFILL if self.kind == BACKFILL or is_first else Priority.LIVE
        context = self._vendors.context(target.app, bound, target.options(), priority=priority)
        phase, cursor, items = job.phase, job.cursor, job.items
        if phase == "new":
            phase, cursor = await self._start(target, context, options)
        while True:
            page = _checked(await poll(context, cursor), cursor)
            page = await self._enriched(job, target, context, page, phase)
            has_ended = not page.more
            following = ("done" if self.kind == BACKFILL else "live") if has_ended else phase
            values: dict[str, Any] = {"phase": following, "cursor": page.cursor}
            if has_ended or not job.has_time:
                values["due_at"] = _next_time(following, options, has_ended=has_ended)
            synced = self._vendors.synced_records(target, bound, (item.payload for item in page.items))
            items = await self._keep(job, target, page, phase, items, values, synced=synced)
            if "due_at" in values:
                return
            cursor, phase = page.cursor, following

    async def _start(self, target: Target, context: Context[Any], options: PollOptions) -> tuple[str, JSONValue]:
        """The first phase and its cursor."""
        phase = _first_phase(self.kind, options)
        if phase == "baseline" and target.trigger.poll_start is not None:
            return "live", await target.trigger.poll_start(context)
        return phase, None

    async def _enriched(
        self, job: BackgroundJob, target: Target, context: Context[Any], page: Page, phase: str
    ) -> Page:
        """The page with the full record of each new item; known items stay as the list has them."""
        detail = target.trigger.poll_detail
        if detail is None or not page.items:
            return page
        ids = [item.external_id for item in page.items]
        known = await self._database.read(lambda connection: store.known(connection, memory_of(job), ids))
        items: list[Incoming] = []
        for item in page.items:
            starts_nothing = item.external_id in known or (phase == "baseline" and _was_there(item, job))
            items.append(item if starts_nothing else await detail(context, item))
        return replace(page, items=items)

    async def _keep(
        self,
        job: BackgroundJob,
        target: Target,
        page: Page,
        phase: str,
        items: int,
        values: dict[str, Any],
        *,
        synced: Sequence[SyncedRecord],
    ) -> int:
        """Commit the new items, the synced customers and the cursor together. Returns how many items there were so far."""

        def unit(connection: Connection) -> int:
            fresh = store.learn(
                connection, memory_of(job), list(dict.fromkeys(item.external_id for item in page.items))
            )
            new_items = {
                item.external_id: item
                for item in reversed(page.items)
                if item.external_id in fresh and not (phase == "baseline" and _was_there(item, job))
            }
            drafts = [self._draft(target, item, phase) for item in reversed(new_items.values())]
            if drafts:
                self._intake.accept(connection, drafts)
            directory_sync.reflect(connection, job.connection_id, synced)
            total = items + len(drafts)
            keep(connection, job, **values, items=total, sentence=_progress_text(self.kind, values["phase"], total))
            return total

        return await self._database.write(unit)

    def _draft(self, target: Target, item: Incoming, phase: str) -> EventDraft:
        is_old = self.kind == BACKFILL or phase == "everything"
        return draft_from(
            target.trigger,
            app=target.app.key,
            source=target.id,
            external_id=item.external_id,
            payload=item.payload,
            occurred_at=item.occurred_at or clock.now(),
            priority=Priority.BACKFILL if is_old else Priority.LIVE,
            only_flow_connection=target.id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What may be chosen about a flow connection."""

    poll: PollOptions | None = None
    """How it is polled now; None: it is not."""
    backfill: bool = False
    """Whether it can walk through everything the vendor has."""


class Polls:
    """What people choose about polls and backfills."""

    def __init__(self, *, database: Database, vendors: Vendors) -> None:
        self._database = database
        self._vendors = vendors

    async def offers(self, flow_connection_ids: Sequence[str]) -> dict[str, Offer]:
        """By flow connection; nothing for one that is gone, or whose trigger is not installed."""

        def offer(connection: Connection, link: str) -> Offer:
            target, _ = self._vendors.read(connection, link, "")
            if target is None:
                return Offer()
            row = store.one(connection, link, POLL)
            poll = _poll_options(target, row.settings if row is not None else {}) if _is_polled(target) else None
            return Offer(poll=poll, backfill=_can_backfill(target))

        return await self._database.read(lambda c: {link: offer(c, link) for link in flow_connection_ids})

    async def choose(
        self, flow_connection_id: str, *, start: str | None = None, every_seconds: int | None = None
    ) -> PollOptions:
        """Where a flow connection's poll begins and how often it asks; None keeps. Another start begins it anew.

        Raises NotFound, Conflict when its trigger is no poll, Invalid on start or every_seconds.
        """

        def unit(connection: Connection) -> PollOptions:
            target = self._target(connection, flow_connection_id)
            if not _is_polled(target):
                raise Conflict("The trigger of this flow is not a poll.")
            row = store.one(connection, target.id, POLL)
            held = row.settings if row is not None else {}
            given = {"start": start, "every_seconds": every_seconds}
            settings = {**held, **{name: value for name, value in given.items() if value is not None}}
            chosen = _poll_options(target, settings)
            subject = {"connection_id": target.connection_id, "subject": target.subject}
            if row is None:
                due = clock.now() if target.enabled else None
                store.add(
                    connection,
                    {"flow_connection_id": target.id, "kind": POLL, **subject, "settings": settings, "due_at": due},
                )
                return chosen
            values: dict[str, Any] = {"settings": settings}
            if start is not None and start != _poll_options(target, held).start:
                values |= {"phase": "new", "cursor": None, "created_at": clock.now()}
                store.forget(connection, memory_of(row))
            due_now = {"due_at": clock.now()} if row.due_at is not None else {}
            store.change(connection, target.id, POLL, {**values, **due_now})
            return chosen

        return await self._database.write(alone(unit))

    async def backfill(self, flow_connection_id: str) -> None:
        """Walk once through everything the vendor has; what was walked through before starts nothing again.

        Raises NotFound, Conflict when the trigger cannot list, is polled anyway, or the flow connection is disabled.
        """
        await self._database.write(alone(lambda connection: self._begin_backfill(connection, flow_connection_id)))

    def _begin_backfill(self, connection: Connection, flow_connection_id: str) -> None:
        target = self._target(connection, flow_connection_id)
        if not _can_backfill(target):
            raise Conflict(
                f"{target.trigger.title} cannot be backfilled: it has no list to walk through, or begins with it."
            )
        if not target.enabled:
            raise Conflict("This flow connection is disabled. Enable it, then backfill it.")
        begin_backfill(connection, target.id, target.connection_id, target.subject)

    def _target(self, connection: Connection, flow_connection_id: str) -> Target:
        target, _ = self._vendors.read(connection, flow_connection_id, "")
        if target is None:
            raise NotFound(f"There is no flow connection {flow_connection_id}, or its trigger is not installed.")
        return target


def begin_backfill(connection: Connection, flow_connection_id: str, connection_id: str, subject: str) -> None:
    """Begin a backfill, or let the one that goes on go on."""
    row = store.one(connection, flow_connection_id, BACKFILL)
    about = {"connection_id": connection_id, "subject": subject}
    if row is None:
        store.add(connection, {"flow_connection_id": flow_connection_id, "kind": BACKFILL, **about})
    elif row.phase == "done" or row.subject != subject:
        blank = {"phase": "new", "cursor": None, "failures": 0, "sentence": "", "created_at": clock.now()}
        store.change(connection, flow_connection_id, BACKFILL, {**about, **blank, "due_at": clock.now()})


def _is_polled(target: Target) -> bool:
    """A poll, or a change of this server's own workspace that is listened for at another server."""
    kind, is_elsewhere = target.trigger.kind, target.connection_id and target.source != WORKSPACE
    polled = kind is TriggerKind.POLL or (kind is TriggerKind.INTERNAL and is_elsewhere)
    return bool(polled and target.trigger.poll is not None)


def _can_backfill(target: Target) -> bool:
    return target.trigger.poll is not None and target.trigger.kind is not TriggerKind.POLL


def options_of(job: BackgroundJob, target: Target) -> PollOptions:
    """What the flow connection chose, over the flow's own options."""
    return _poll_options(target, job.settings)


def _poll_options(target: Target, settings: dict[str, JSONValue]) -> PollOptions:
    own = target.options()
    given = own.model_dump(include=set(PollOptions.model_fields)) if own is not None else {}
    try:
        return PollOptions.model_validate({**given, **settings})
    except ValueError as error:
        if "start" in settings and settings["start"] not in ("now", "everything"):
            raise Invalid('Begin with "now" or "everything".', field="start") from error
        raise Invalid("Ask every 5 to 86400 seconds.", field="every_seconds") from error


def _first_phase(kind: str, options: PollOptions) -> str:
    return "everything" if kind == BACKFILL or options.start == "everything" else "baseline"


def _next_time(phase: str, options: PollOptions, *, has_ended: bool) -> Any:  # noqa: ANN401 - an instant, or None
    if phase == "done":
        return None
    return clock.now() + timedelta(seconds=options.every_seconds) if has_ended else clock.now()


def _was_there(item: Incoming, job: BackgroundJob) -> bool:
    """Whether an item was there before the poll began; one without a time is taken to have been."""
    return item.occurred_at is None or item.occurred_at < job.created_at


def _checked(page: Page, before: JSONValue) -> Page:
    if len(page.items) > _LARGEST_PAGE:
        raise ValueError(f"a page holds at most {_LARGEST_PAGE} items, not {len(page.items)}")
    if page.more and page.cursor == before:
        raise ValueError("the poll says there is more but stays where it is")
    return page


def _progress_text(kind: str, phase: str, items: int) -> str:
    if kind == BACKFILL:
        return (
            f"{items} found so far." if phase != "done" else f"All {items} found; their runs go on behind live traffic."
        )
    if phase == "baseline":
        return "Looking at what is there already, so that only what is new starts runs."
    return f"{items} found since the beginning."
