"""What workers do for flow connections, the items of polls that are known, and what other systems' customers look like."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from affluent.store.schema.types import Instant, Json
from affluent.store.tables import metadata

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

mirrored_customers = Table(
    "mirrored_customers",
    metadata,
    Column("connection_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    # Given by us when it was first seen; sorts among the workspace's own customers, whose keys are made the same way.
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_mirrored_customers_id", "id"),
)

mirrored_accounts = Table(
    "mirrored_accounts",
    metadata,
    Column("connection_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_mirrored_accounts_customer", "connection_id", "customer_id", "key"),
    Index("ix_mirrored_accounts_id", "id"),
)
