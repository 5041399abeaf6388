"""Connections as they are shown: never a secret, only which ones are held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from affluent.kit.jsons import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One flow connection that uses a connection."""

    flow_connection_id: str
    flow_connection_name: str
    flow_id: str
    flow_name: str
    enabled: bool
    places: tuple[str, ...]
    """Ids of the steps that use it, and "trigger"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """One named set of credentials for an app."""

    id: str
    app: str
    app_title: str
    name: str
    fields: JSONObject
    """The plain fields."""
    secrets: tuple[str, ...]
    """Names of the secret fields that are filled in."""
    version: int
    status: str
    """active, needs_attention or disabled."""
    status_reason: str
    limit_requests: int | None
    """The owner's own limit, when it differs from the app's."""
    limit_seconds: int | None
    tested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    used_by: tuple[Use, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTest:
    """What the vendor said to a connection's credentials."""

    ok: bool
    message: str
    field: str
    """The guilty field as `fields.<name>`, when the vendor's refusal belongs to one."""
    connection: ConnectionView


Uses = list[tuple[Row[Any], tuple[str, ...]]]


def connection_view(row: Row[Any], *, app_title: str, secrets: tuple[str, ...], uses: Uses) -> ConnectionView:
    """A row with where it is used."""
    return ConnectionView(
        id=row.id,
        app=row.app,
        app_title=app_title,
        name=row.name,
        fields=row.fields,
        secrets=secrets,
        version=row.version,
        status=row.status,
        status_reason=row.status_reason,
        limit_requests=row.limit_requests,
        limit_seconds=row.limit_seconds,
        tested_at=row.tested_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        used_by=tuple(
            Use(
                flow_connection_id=link.id,
                flow_connection_name=link.name,
                flow_id=link.flow_id,
                flow_name=link.flow_name,
                enabled=link.enabled,
                places=places,
            )
            for link, places in uses
        ),
    )
