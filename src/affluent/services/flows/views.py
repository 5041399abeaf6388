"""Flows as they are listed and shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from affluent.domain.diff import changes
from affluent.domain.flow import FlowDefinition
from affluent.kit.jsons import JSONObject, JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The newest run of a flow, in brief."""

    id: str
    state: str
    title: str
    sentence: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """A flow as it is listed."""

    id: str
    key: str
    """Stable key of a shipped flow; empty for private ones."""
    name: str
    description: str
    type: str
    """inbound or outbound."""
    visibility: str
    """public or private."""
    version: int
    """Number of the current version; 0: only a draft so far."""
    has_draft: bool
    apps: tuple[str, ...]
    """Keys of the apps of trigger and steps, in step order."""
    connections: int
    enabled_connections: int
    last_run: LastRun | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One immutable version, with what it changed."""

    number: int
    author: str
    note: str
    created_at: datetime
    changes: tuple[str, ...]
    """What changed since the version before, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDetail:
    """A flow with its current definition, its draft and its newest versions."""

    flow: FlowView
    definition: FlowDefinition | None
    """None: it was not published yet."""
    draft: JSONObject | None
    """As it was saved last; may be invalid."""
    draft_at: datetime | None
    versions: tuple[VersionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did."""

    flow: FlowDetail
    changes: tuple[str, ...]
    """What changed, in words."""
    attention: tuple[str, ...]
    """Flow connections that need something before the new version works for them, one sentence each."""


def flow_view(row: Row[Any], last_run: Row[Any] | None) -> FlowView:
    """A row of the list of flows."""
    return FlowView(
        id=row.id,
        key=row.key or "",
        name=row.name,
        description=row.description,
        type=row.type,
        visibility=row.visibility,
        version=row.version,
        has_draft=row.draft is not None,
        apps=tuple(dict.fromkeys(_apps(row.definition if row.definition is not None else row.draft))),
        connections=row.connections,
        enabled_connections=row.enabled,
        last_run=LastRun(**last_run._mapping) if last_run is not None else None,  # noqa: SLF001 - SQLAlchemy's public name
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def version_views(rows: Sequence[Row[Any]], limit: int) -> tuple[VersionView, ...]:
    """Versions, newest first, each compared with the one before it; one more row than `limit` gives the last its past."""
    definitions = [FlowDefinition.model_validate(row.definition) for row in rows]
    before = [*definitions, None][1:]
    return tuple(
        VersionView(
            number=row.number,
            author=row.author,
            note=row.note,
            created_at=row.created_at,
            changes=changes(old, definition),
        )
        for row, definition, old in list(zip(rows, definitions, before, strict=True))[:limit]
    )


def _apps(definition: JSONValue) -> Iterator[str]:
    """App keys of a definition, or of a draft that may have any shape."""
    if not isinstance(definition, dict):
        return
    steps = definition.get("steps")
    for part in (definition.get("trigger"), *(steps if isinstance(steps, list) else ())):
        if isinstance(part, dict) and isinstance(part.get("app"), str) and part["app"]:
            yield part["app"]
