"""The audit log: who changed what, when, from where. Rows are only ever added; each holds the digest of all before it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from affluent.store.schema.types import Instant, Json
from affluent.store.tables import metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("noun", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("subject_name", Text, nullable=False),
    Column("changes", Json, nullable=False),
    Column("digest", Text, nullable=False),
    Index("ix_audit_entries_subject", "noun", "subject_id", "number"),
    Index("ix_audit_entries_actor", "actor_id", "number"),
)
