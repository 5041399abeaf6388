"""The tables of money and evidence: statements with their snapshots and lines, and the ledger."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint, text

from affluent.store.schema.types import Instant, Json
from affluent.store.tables import metadata

facts = Table(
    "facts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # The system that said it, and its own id of the thing; several rows of one thing are its states.
    Column("source", Text, nullable=False),
    Column("thing_id", Text, nullable=False),
    # SHA-256 of what was said without its times: a state is stored again only after another one.
    Column("digest", Text, nullable=False),
    # What the fact is about; empty: not about one.
    Column("sale_id", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("learned_at", Instant, nullable=False),
    # The event, effect or list that said it.
    Column("cause", Text, nullable=False),
    Column("body", Json, nullable=False),
    UniqueConstraint("thing_id", "kind", "source", "digest", "happened_at"),
    Index("ix_facts_sale", "sale_id", sqlite_where=text("sale_id <> ''"), postgresql_where=text("sale_id <> ''")),
    Index(
        "ix_facts_payment",
        "payment_id",
        sqlite_where=text("payment_id <> ''"),
        postgresql_where=text("payment_id <> ''"),
    ),
    Index(
        "ix_facts_account",
        "account_id",
        sqlite_where=text("account_id <> ''"),
        postgresql_where=text("account_id <> ''"),
    ),
)

statements = Table(
    "statements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, unique=True),
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("zone", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("totals", Json),
    Column("days", Json),
    Column("remainder", Json),
    Column("digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("lease", Integer, nullable=False),
    Column("leased_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("locked_at", Instant),
    Column("locked_by", Text, nullable=False),
    Index("ix_statements_period", "period_start", "period_end"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Text, primary_key=True),
    Column("statement_id", Text, nullable=False, index=True),
    Column("app", Text, nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("window_end", Instant, nullable=False),
    Column("phase", Text, nullable=False),
    Column("cursor", Json),
    Column("pages", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

snapshot_records = Table(
    "snapshot_records",
    metadata,
    Column("snapshot_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("statement_id", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("facts", Json, nullable=False),
    Index("ix_snapshot_records_case", "statement_id", "case_id"),
    Index("ix_snapshot_records_id", "id"),
    Index("ix_snapshot_records_about", "case_id", "statement_id"),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    Column("statement_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("leg", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ours", BigInteger, nullable=False),
    Column("theirs", BigInteger, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("records", Json, nullable=False),
    Column("foreign_currency", Text),
    Column("foreign_amount", BigInteger),
    Index("ix_statement_lines_case", "case_id", "statement_id"),
    Index("ix_statement_lines_name", "statement_id", "name", "number"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("chain", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_ledger_chain", "chain", "number"),
)
