"""The tables of the hub. Billing's own are in tables_billing.py; both share one metadata."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from affluent.store.schema.types import Instant, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("networks", Json),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    # Who answers for it, and with whom it stops; empty: nobody in particular, e.g. of one that a command made.
    Column("person_id", Text, index=True),
    Column("expires_at", Instant),
    # After a rotation the secret before is good for a while.
    Column("former_hash", Text, unique=True),
    Column("former_until", Instant),
    Column("last_used_at", Instant),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("fields", Json, nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("limit_requests", Integer),
    Column("limit_seconds", Integer),
    # The person who made it; none: the administrators'.
    Column("owner_id", Text),
    Column("tested_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("app", "name"),
)

flows = Table(
    "flows",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("draft", Json),
    Column("draft_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    Column("flow_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("definition", Json, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

flow_connections = Table(
    "flow_connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("flow_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("trigger_app", Text, nullable=False),
    Column("trigger_event", Text, nullable=False),
    Column("trigger_source", Text, nullable=False),
    Column("bindings", Json, nullable=False),
    Column("inputs", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("hook_token", Text, nullable=False, unique=True),
    Column("hook_secrets", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_flow_connections_trigger", "trigger_app", "trigger_event", "trigger_source"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("flow_connection_id", Text, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("status", Integer, nullable=False),
    # Why it was refused, as its sender was told.
    Column("detail", Text, nullable=False, server_default=""),
    Column("headers", Json, nullable=False),
    Column("body", Text, nullable=False),
    Column("event_id", Text),
    Index("ix_deliveries_hook", "flow_connection_id", "id"),
    Index(
        "ix_deliveries_refused",
        "flow_connection_id",
        "id",
        sqlite_where=text("verdict <> 'accepted'"),
        postgresql_where=text("verdict <> 'accepted'"),
    ),
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    # SHA-256 of what the sender of a webhook signed: the same content is one event, whatever id stands beside it.
    Column("signed_hash", Text),
    Column("app", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("payload", Text, nullable=False),
    # When retention took the payload; the row stays, so that a repeat is recognised at any age.
    Column("forgotten_at", Instant),
    UniqueConstraint("source", "external_id"),
    Index(
        "ix_events_signed",
        "source",
        "signed_hash",
        unique=True,
        sqlite_where=text("signed_hash IS NOT NULL"),
        postgresql_where=text("signed_hash IS NOT NULL"),
    ),
    Index("ix_events_account", "account_id", "id"),
    Index("ix_events_type", "app", "type", "id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("flow_version", Integer, nullable=False),
    Column("flow_connection_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("ordering_key", Text, nullable=False),
    Column("event_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lease", Integer, nullable=False),
    Column("job_id", BigInteger),
    Column("position", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("first_failed_at", Instant),
    Column("replay_of", Text),
    Column("account_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("sentence", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("waits_for", Text, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    # When retention took what its steps read, sent and got; the row stays, so that the books add up.
    Column("forgotten_at", Instant),
    # What is due, in the order in which it is taken: only unfinished rows are in it, so a million finished runs cost nothing.
    Index(
        "ix_runs_due",
        "priority",
        "rank",
        "id",
        sqlite_where=text("state = 'queued' AND ready"),
        postgresql_where=text("state = 'queued' AND ready"),
    ),
    Index(
        "ix_runs_waiting", "due_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")
    ),
    Index(
        "ix_runs_unfinished",
        "ordering_key",
        "event_at",
        "id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_runs_event", "event_id"),
    Index("ix_runs_account", "account_id", "id"),
    Index("ix_runs_flow_connection", "flow_connection_id", "id"),
    Index("ix_runs_flow", "flow_id", "id"),
    # For lists by a state that few runs are in; the states that every run passes through leave it alone.
    Index(
        "ix_runs_unusual",
        "state",
        "id",
        sqlite_where=text("state NOT IN ('queued', 'running', 'succeeded')"),
        postgresql_where=text("state NOT IN ('queued', 'running', 'succeeded')"),
    ),
    Index(
        "ix_runs_attention",
        "state",
        "cause",
        "id",
        sqlite_where=text("state IN ('failed', 'unknown', 'paused', 'waiting')"),
        postgresql_where=text("state IN ('failed', 'unknown', 'paused', 'waiting')"),
    ),
)

step_runs = Table(
    "step_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("step_id", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("connection_id", Text),
    Column("state", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("condition", Json),
    Column("input", Json),
    Column("output", Json),
    Column("effect", Text, nullable=False),
    Column("effect_key", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("sentence", Text, nullable=False),
    Column("exchanges", Json, nullable=False),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("fate", Text, nullable=False),
    Column("sent", Boolean, nullable=False),
    Column("run_id", Text, nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("input", Json),
    Column("output", Json),
    Column("sentence", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # Of an effect that a position decides: what it tells, of which sale, how much in the vendor's own unit, and what it takes
    # back or corrects.
    Column("tells", Text, nullable=False, server_default=""),
    Column("sale_id", Text, nullable=False, server_default=""),
    Column("units", BigInteger),
    Column("answers_to", Text, nullable=False, server_default=""),
    # When an outcome that is not final is taken up again.
    Column("again_at", Instant),
    Index("ix_effects_account", "account_id", "updated_at"),
    Index("ix_effects_sale", "sale_id", sqlite_where=text("sale_id <> ''"), postgresql_where=text("sale_id <> ''")),
    Index(
        "ix_effects_again",
        "again_at",
        sqlite_where=text("again_at IS NOT NULL"),
        postgresql_where=text("again_at IS NOT NULL"),
    ),
    Index(
        "ix_effects_open",
        "fate",
        "updated_at",
        sqlite_where=text("fate IN ('intended', 'unknown')"),
        postgresql_where=text("fate IN ('intended', 'unknown')"),
    ),
)

identities = Table(
    "identities",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("connection_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("external_id", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_identities_external", "app", "kind", "external_id"),
    Index("ix_identities_external_id", "external_id"),
)

limits = Table(
    "limits",
    metadata,
    Column("connection_id", Text, primary_key=True),
    Column("next_at", Instant, nullable=False),
)

options = Table(
    "options",
    metadata,
    Column("id", Text, primary_key=True),
    Column("value", Json),
    # Of a setting that is a secret.
    Column("secret", LargeBinary),
    Column("updated_at", Instant, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Json, nullable=False),
)
