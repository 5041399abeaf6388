"""What has arrived: whether events are stored already, and when the last webhook was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from affluent.domain.event import EventDraft
from affluent.kit.ids import first_id
from affluent.store import tables

_AT_ONCE = 500


def are_stored(
    connection: Connection, drafts: Sequence[EventDraft], *, titled_since: datetime | None = None
) -> list[bool]:
    """Per draft whether its event is stored already: by its id, or by type and title among those since a moment."""
    ids = _stored_ids(connection, drafts)
    titles = _stored_titles(connection, drafts, titled_since) if titled_since is not None and drafts else set()
    return [
        (draft.source, draft.external_id) in ids or (draft.type, _subject(draft.title)) in titles for draft in drafts
    ]


def _stored_ids(connection: Connection, drafts: Sequence[EventDraft]) -> set[tuple[str, str]]:
    """The (source, external id) of the drafts that are stored."""
    events = tables.events
    stored: set[tuple[str, str]] = set()
    for start in range(0, len(drafts), _AT_ONCE):
        batch = drafts[start : start + _AT_ONCE]
        query = select(events.c.source, events.c.external_id).where(
            events.c.source.in_({draft.source for draft in batch}),
            events.c.external_id.in_({draft.external_id for draft in batch}),
        )
        stored |= {(row.source, row.external_id) for row in connection.execute(query)}
    return stored


def _stored_titles(connection: Connection, drafts: Sequence[EventDraft], since: datetime) -> set[tuple[str, str]]:
    """The (type, subject) of the events since a moment that may be those of the drafts."""
    events = tables.events
    query = select(events.c.type, events.c.title).where(
        events.c.id >= first_id("evt", since),
        events.c.app.in_({draft.app for draft in drafts}),
        events.c.type.in_({draft.type for draft in drafts}),
        events.c.source.in_({draft.source for draft in drafts}),
    )
    return {(row.type, _subject(row.title)) for row in connection.execute(query)}


def _subject(title: str) -> str:
    """What a title begins with: the id of the record. The name behind it may be missing in a list."""
    return title.partition(" · ")[0]


def last_delivery(connection: Connection, source: str, flow_connection_id: str) -> datetime | None:
    """When a webhook was last accepted at any flow connection of a source."""
    deliveries, links = tables.deliveries, tables.flow_connections
    of_source = select(links.c.id).where(or_(links.c.trigger_source == source, links.c.id == flow_connection_id))
    query = select(func.max(deliveries.c.id)).where(
        deliveries.c.flow_connection_id.in_(of_source), deliveries.c.verdict == "accepted"
    )
    newest = connection.execute(query).scalar()
    return connection.execute(select(deliveries.c.received_at).where(deliveries.c.id == newest)).scalar()
