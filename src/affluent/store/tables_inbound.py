"""What workers do for flow connections by themselves, and the items of polls that are known already."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from affluent.store.tables import metadata
from affluent.store.types import Instant, Json

duties = Table(
    "duties",
    metadata,
    Column("flow_connection_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("connection_id", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("phase", Text, nullable=False),
    Column("cursor", Json),
    Column("items", Integer, nullable=False),
    Column("due_at", Instant),
    Column("lease", Integer, nullable=False),
    Column("leased_until", Instant),
    Column("failures", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("succeeded_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_duties_due", "due_at"),
)

known_items = Table(
    "known_items",
    metadata,
    Column("memory", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("known_at", Instant, nullable=False),
)
